package minio

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"slices"

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

	// ClockSkew means that the clocks of the server and of the provider differ by so much
	// that the server rejects signatures.
	ClockSkew Health = "ClockSkew"

	// NoAdminAPI means that the endpoint does not serve MinIO's administration API.
	NoAdminAPI Health = "NoAdminAPI"

	// UnsupportedAdminAPI means that the endpoint serves another version of that API, as
	// MinIO's commercial AIStor does.
	UnsupportedAdminAPI Health = "UnsupportedAdminAPI"

	// Changed means that another server answers than was expected.
	Changed Health = "Changed"

	// WrongRegion means that the Config names another region than the server.
	WrongRegion Health = "WrongRegion"

	// TooOld means that the server is older than OldestRelease.
	TooOld Health = "TooOld"
)

// remedy says for each health what is wrong and what to do about it.
var remedy = map[Health]string{ //nolint:gosec // It names where credentials are set, and holds none.
	Unreachable:          "the server does not answer: check spec.endpoint, that the server runs, and that no network policy blocks the connection",
	CertificateUntrusted: "the server's certificate is not trusted: set spec.caBundle to the authority that signed it, unless that is a public one, and name a host in spec.endpoint that the certificate is for",
	CredentialsRejected:  "the server rejects the credentials: put an administrator's accessKey and secretKey into the Secret of spec.credentials",
	ClockSkew:            "the server rejects signatures because the clocks differ: compare the clocks of the server's nodes and of the node that runs the provider, and synchronize them",
	NoAdminAPI:           "the endpoint does not serve MinIO's administration API: point spec.endpoint at the S3 API of a MinIO server, not at its console, a gateway or another service",
	UnsupportedAdminAPI:  "the server serves an administration API that the provider does not support, such as version 4 of MinIO AIStor: use a server with version 3, the community MinIO or a fork of it",
	Changed:              "another server answers than before, so nothing is created, changed or deleted on it: correct spec.endpoint; if the change is intended, set the annotation minio.cistern.dev/deployment-id of the configuration to the new ID",
	WrongRegion:          "spec.region is not the server's region, so the server would reject its users' requests: correct spec.region, or leave it out to use the server's",
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
	case code(err) == requestTimeTooSkewed:
		return ClockSkew
	case IsDenied(err), IsBadKey(err), slices.Contains(rejections, code(err)) && !isS3Error(err):
		return CredentialsRejected
	}

	return Unknown
}

// requestTimeTooSkewed is the code with which the server rejects a signature whose time
// differs from its clock by more than 15 minutes.
const requestTimeTooSkewed = "RequestTimeTooSkewed"

// adminVersionMismatch is the code with which the server answers requests for another
// version of the administration API.
const adminVersionMismatch = "XMinioAdminVersionMismatch"

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

// classifyInfo returns the health that a request for server information shows. Unlike any
// other call, it succeeds on every server that serves the administration API.
func classifyInfo(err error) Health {
	if err == nil {
		return Usable
	}

	answer, answered := errors.AsType[*infoError](err)

	switch {
	case errors.Is(err, errNoInfo), errors.Is(err, errForeign):
		return NoAdminAPI
	case !answered:
		if h := Classify(err); h != Unknown {
			return h
		}

		// The only other error is that the call waited too long for other calls to end.
		return Unreachable
	case answer.Code == requestTimeTooSkewed:
		return ClockSkew
	case answer.Status == http.StatusUpgradeRequired, answer.Code == adminVersionMismatch:
		return UnsupportedAdminAPI
	case slices.Contains(rejections, answer.Code):
		return CredentialsRejected
	case slices.Contains(starting, answer.Code), answer.Status >= http.StatusInternalServerError:
		return Unreachable
	}

	// The error of another service, or of a server with the S3 API alone, which takes the
	// request for one of an object.
	return NoAdminAPI
}

// starting are the codes of a server that is starting or overloaded.
var starting = []string{
	"XMinioServerNotInitialized", "XMinioIAMNotInitialized", "ServiceUnavailable", "SlowDown", "SlowDownRead", "InternalError", "RequestTimeout",
}

// detail returns what a message adds to a health's remedy. The answer of a service that is
// no MinIO is left out: it may be long, and differ from call to call.
func detail(h Health, err error) error {
	if h == NoAdminAPI || h == TooOld || h == ClockSkew {
		return nil
	}

	// The URL is in the configuration already.
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err
	}

	return err
}
