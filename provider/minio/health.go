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

// Health is what is known of a server, or of the way to it.
type Health string

// Verdicts. But for Unknown and Usable, each says what is wrong.
const (
	// Unknown is the verdict on a server that was not checked yet, and on errors
	// that tell nothing of the server.
	Unknown Health = ""
	// Usable servers answer, know the credentials, speak the administration API
	// and are not too old.
	Usable Health = "Usable"
	// Unreachable servers do not answer, or have a gateway answer for them.
	Unreachable Health = "Unreachable"
	// CertificateUntrusted servers have a certificate that nobody whom the
	// Config trusts vouches for, that is for another host, or out of date.
	CertificateUntrusted Health = "CertificateUntrusted"
	// CredentialsRejected says that the server does not know the credentials, or
	// that they may not do what was asked.
	CredentialsRejected Health = "CredentialsRejected"
	// NoAdminAPI says that what answers does not speak MinIO's administration
	// API.
	NoAdminAPI Health = "NoAdminAPI"
	// TooOld servers are older than OldestRelease.
	TooOld Health = "TooOld"
)

// advice says what each verdict means and what to do about it.
var advice = map[Health]string{ //nolint:gosec // It tells where credentials go, and holds none.
	Unreachable:          "the server does not answer: check spec.endpoint, that the server runs, and that no network policy is in the way",
	CertificateUntrusted: "the server's certificate is not trusted: set spec.caBundle to the authority that signed it, and name the server in spec.endpoint as its certificate does",
	CredentialsRejected:  "the server rejects the credentials: put an administrator's accessKey and secretKey into the Secret of spec.credentials",
	NoAdminAPI:           "what answers does not speak MinIO's administration API: point spec.endpoint at the S3 API of a MinIO server, not at its console, a gateway or another service",
	TooOld:               "the server is too old to be safe: update it to " + OldestRelease + " or later",
}

// Error is an error with a verdict. Its message begins with what is wrong and
// what to do about it.
type Error struct {
	Health Health
	// Err is what happened; nil if the verdict says it all.
	Err error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return advice[e.Health]
	}

	return advice[e.Health] + " (" + e.Err.Error() + ")"
}

// Unwrap returns what happened.
func (e *Error) Unwrap() error { return e.Err }

// Explain returns err as an *Error if it tells what is wrong with the server, or
// with the way to it, and else as it is.
func Explain(err error) error {
	if _, explained := errors.AsType[*Error](err); explained {
		return err
	}

	if v := Classify(err); v != Unknown {
		return &Error{Health: v, Err: err}
	}

	return err
}

// Classify tells what an error of a call says of the server. A call that was
// called off says nothing, and neither does a server that cannot do what was
// asked, nor an error that is not of a call to a server with its own key.
func Classify(err error) Health {
	_, onTheWay := errors.AsType[*wayError](err)
	_, probed := errors.AsType[*probeError](err)

	switch {
	case err == nil, probed, errors.Is(err, context.Canceled):
		return Unknown
	case onTheWay && isCertificate(err):
		return CertificateUntrusted
	case onTheWay:
		return Unreachable
	case IsDenied(err), IsBadKey(err), slices.Contains(rejections, code(err)) && !isS3(err):
		return CredentialsRejected
	}

	return Unknown
}

// isS3 says that an error is an answer of the S3 API, or of something before it:
// minio-go takes every 403 for AccessDenied.
func isS3(err error) bool {
	_, ok := errors.AsType[miniogo.ErrorResponse](err)

	return ok
}

// rejections are the codes by which the administration API rejects credentials.
var rejections = []string{miniogo.AccessDenied, miniogo.InvalidAccessKeyID, miniogo.SignatureDoesNotMatch}

func isCertificate(err error) bool {
	verification, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if ok {
		return verification != nil
	}

	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)

	return unknown || host || invalid
}

// Check asks the server what it is, and returns nil if it can be used, or an
// *Error that says why not. It returns the context's error if it is called off.
//
// It is one plain call, for which the credentials need the permission
// admin:ServerInfo. The server answers from memory but for its drives, of which
// it reads the state, and for its peers, which it asks the same.
func (s *Server) Check(ctx context.Context) error {
	info, err := s.Admin.ServerInfo(ctx)
	if errors.Is(err, context.Canceled) {
		return err
	}

	v := classifyInfo(err)
	if v == Usable && outdated(info) {
		v = TooOld
	}

	s.verdict.Store(&v)

	if v == Usable {
		return nil
	}

	return &Error{Health: v, Err: detail(v, err)}
}

// Health is that of the last Check.
func (s *Server) Health() Health {
	if v := s.verdict.Load(); v != nil {
		return *v
	}

	return Unknown
}

// Unusable returns an *Error if the last Check found the server to be one that
// must not be driven, and nil otherwise. ErrorCapture that may be over does not
// count: the next call will show it.
func (s *Server) Unusable() error {
	if v := s.Health(); v == NoAdminAPI || v == TooOld {
		return &Error{Health: v}
	}

	return nil
}

// classifyInfo tells what the answer to a request for information says. Unlike
// any other call, it has an answer on every server that speaks the API.
func classifyInfo(err error) Health {
	if err == nil {
		return Usable
	}

	answer, answered := errors.AsType[madmin.ErrorResponse](err)

	switch {
	case !answered:
		if v := Classify(err); v != Unknown {
			return v
		}

		// What is not JSON is not the API's. What is left is waiting too long for
		// other calls.
		if isDecoding(err) {
			return NoAdminAPI
		}

		return Unreachable
	case answer.XMLName.Local == "" && slices.Contains(rejections, answer.Code):
		return CredentialsRejected
	case slices.Contains(notYet, answer.Code), strings.HasPrefix(answer.Code, "5"):
		return Unreachable
	}

	// Another service's refusal. The S3 API's own is in XML: a server without
	// the administration API takes the request for one of an object.
	return NoAdminAPI
}

// notYet are codes of a server that is about to work. A gateway's answers have
// their status for a code.
var notYet = []string{"XMinioServerNotInitialized", "XMinioIAMNotInitialized", "ServiceUnavailable", "SlowDown", "SlowDownRead", "InternalError", "RequestTimeout"}

func isDecoding(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, typ := errors.AsType[*json.UnmarshalTypeError](err)

	return syntax || typ || errors.Is(err, io.EOF)
}

// detail returns what of an error is worth telling beside a verdict. What a
// stranger answered is not: it may be long, and another each time.
func detail(v Health, err error) error {
	if v == NoAdminAPI || v == TooOld {
		return nil
	}

	// The URL says no more than the configuration.
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err
	}

	return err
}
