package minio

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

// Health is what is known about a server, and about the connection to it.
type Health string

const (
	// Unknown is the health of a server that was never checked. For an error it means
	// that the error is not caused by the server's health.
	Unknown Health = ""

	// Usable means that the server answers, knows the credentials, serves the
	// administration API and is not too old.
	Usable Health = "Usable"

	// Unreachable means that the server does not answer, that a gateway answers for it, or
	// that it is starting.
	Unreachable Health = "Unreachable"

	// CertificateUntrusted means that the server's certificate is signed by an authority
	// that the Config does not trust, is for another host, or has expired.
	CertificateUntrusted Health = "CertificateUntrusted"

	// CredentialsRejected means that the server does not know the credentials, or that
	// they do not allow what was asked.
	CredentialsRejected Health = "CredentialsRejected"

	// NoAdminAPI means that the endpoint does not serve MinIO's administration API.
	NoAdminAPI Health = "NoAdminAPI"

	// TooOld means that the server is older than OldestRelease.
	TooOld Health = "TooOld"
)

// remedy says for each health what is wrong and what to do about it.
var remedy = map[Health]string{ //nolint:gosec // It names where credentials are set, and holds none.
	Unreachable:          "the server does not answer: check spec.endpoint, that the server runs, and that no network policy blocks the connection",
	CertificateUntrusted: "the server's certificate is not trusted: set spec.caBundle to the authority that signed it, and name a host in spec.endpoint that the certificate is for",
	CredentialsRejected:  "the server rejects the credentials: put an administrator's accessKey and secretKey into the Secret of spec.credentials",
	NoAdminAPI:           "the endpoint does not serve MinIO's administration API: point spec.endpoint at the S3 API of a MinIO server, not at its console, a gateway or another service",
	TooOld:               "the server is too old to be safe: update it to " + OldestRelease + " or later",
}

// Error is an error that is caused by a server's health. Its message begins with what is
// wrong and what to do about it.
type Error struct {
	Health Health
	// Err is the error of the call; nil if Health says everything.
	Err error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return remedy[e.Health]
	}

	return remedy[e.Health] + " (" + e.Err.Error() + ")"
}

// Unwrap returns the error of the call.
func (e *Error) Unwrap() error { return e.Err }

// Explain returns err as an *Error if it is caused by the server's health or by the
// connection to the server. It returns any other error as it is.
func Explain(err error) error {
	if _, explained := errors.AsType[*Error](err); explained {
		return err
	}

	if h := Classify(err); h != Unknown {
		return &Error{Health: h, Err: err}
	}

	return err
}

// Classify returns the health that caused an error. It returns Unknown for a cancelled
// call, for an error that has nothing to do with the server's health, and for a call that
// was made with a user's key.
func Classify(err error) Health {
	_, inTransport := errors.AsType[*transportError](err)
	_, probed := errors.AsType[*probeError](err)

	switch {
	case err == nil, probed, errors.Is(err, context.Canceled):
		return Unknown
	case inTransport && isCertificateError(err):
		return CertificateUntrusted
	case inTransport:
		return Unreachable
	case IsDenied(err), IsBadKey(err), slices.Contains(rejections, code(err)) && !isS3Error(err):
		return CredentialsRejected
	}

	return Unknown
}

// rejections are the codes with which the administration API rejects credentials. Answers
// of the S3 API do not count: minio-go turns every 403 into AccessDenied, also that of a
// gateway.
var rejections = []string{miniogo.AccessDenied, miniogo.InvalidAccessKeyID, miniogo.SignatureDoesNotMatch}

// isS3Error reports whether an error is an answer of the S3 API, or of a gateway to it.
func isS3Error(err error) bool {
	_, ok := errors.AsType[miniogo.ErrorResponse](err)

	return ok
}

// isCertificateError reports whether a connection failed because of the server's
// certificate.
func isCertificateError(err error) bool {
	verification, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if ok {
		return verification != nil
	}

	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)

	return unknown || host || invalid
}

// Check determines the server's health. It returns nil if the server can be used, an
// *Error that says why not, or the context's error if it is cancelled.
//
// It makes one plain call, for which the credentials need the permission admin:ServerInfo.
// The server answers from memory, except that it reads the state of its drives and asks
// its peers for the same.
func (s *Server) Check(ctx context.Context) error {
	info, err := s.Admin.ServerInfo(ctx)
	if errors.Is(err, context.Canceled) {
		return err
	}

	h := classifyInfo(err)
	if h == Usable && outdated(info) {
		h = TooOld
	}

	s.health.Store(&h)

	if h == Usable {
		return nil
	}

	return &Error{Health: h, Err: detail(h, err)}
}

// Health returns the health that the last Check determined.
func (s *Server) Health() Health {
	if h := s.health.Load(); h != nil {
		return *h
	}

	return Unknown
}

// Unusable returns an *Error if the last Check found a server that must not be driven: one
// that is too old, or no MinIO. A failure that may be over, such as a server that did not
// answer, does not count: the next call shows it.
func (s *Server) Unusable() error {
	if h := s.Health(); h == NoAdminAPI || h == TooOld {
		return &Error{Health: h}
	}

	return nil
}

// classifyInfo returns the health that a request for server information shows. Unlike any
// other call, it succeeds on every server that serves the administration API.
func classifyInfo(err error) Health {
	if err == nil {
		return Usable
	}

	answer, answered := errors.AsType[madmin.ErrorResponse](err)

	switch {
	case !answered:
		if h := Classify(err); h != Unknown {
			return h
		}

		// An answer that is not JSON is not the administration API's. The only other
		// error is that the call waited too long for other calls to end.
		if isDecodingError(err) {
			return NoAdminAPI
		}

		return Unreachable
	case answer.XMLName.Local == "" && slices.Contains(rejections, answer.Code):
		return CredentialsRejected
	case slices.Contains(starting, answer.Code), strings.HasPrefix(answer.Code, "5"):
		return Unreachable
	}

	// The error of another service, or of a server with the S3 API alone: that takes the
	// request for one of an object, and answers in XML.
	return NoAdminAPI
}

// starting are the codes of a server that is starting or overloaded. For answers of a
// gateway madmin uses the status as the code, so those of 5xx count too.
var starting = []string{
	"XMinioServerNotInitialized", "XMinioIAMNotInitialized", "ServiceUnavailable", "SlowDown", "SlowDownRead", "InternalError", "RequestTimeout",
}

// isDecodingError reports whether an answer was not the JSON that was expected.
func isDecodingError(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, typ := errors.AsType[*json.UnmarshalTypeError](err)

	return syntax || typ || errors.Is(err, io.EOF)
}

// detail returns what a message adds to a health's remedy. The answer of a service that is
// no MinIO is left out: it may be long, and differ from call to call.
func detail(h Health, err error) error {
	if h == NoAdminAPI || h == TooOld {
		return nil
	}

	// The URL is in the configuration already.
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err
	}

	return err
}
