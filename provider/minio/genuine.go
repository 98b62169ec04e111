package minio

import (
	"errors"
	"net/http"
)

// errForeign is the error of an answer that says that a call succeeded, and is not MinIO's.
var errForeign = errors.New("what answered is not MinIO, but something in front of it")

// genuine is a transport for the SDKs. They take any answer below 300 for MinIO's: the page with
// which a gateway asks for a password, or says that a server is being maintained, would count
// as a bucket that was made, a setting that was written, or an empty list of uploads. MinIO
// redirects no call, and a redirection could lead anywhere.
//
// Errors need no such check: functions such as IsNotFound make it for those that matter.
//
// Of each answer no more can be read than is reasonable; see IsTooLarge.
type genuine struct{ *transport }

// RoundTrip makes one call, and returns an error if another than MinIO says that it succeeded,
// or redirects it.
func (g genuine) RoundTrip(req *http.Request) (*http.Response, error) {
	rsp, err := g.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}

	if rsp.StatusCode >= http.StatusBadRequest || (rsp.StatusCode < http.StatusMultipleChoices && isMinIOs(rsp.Header)) {
		rsp.Body = bound(rsp)

		return rsp, nil
	}

	if c, ok := rsp.Body.(*call); ok {
		c.outcome = OutcomeError
	}

	_ = rsp.Body.Close()

	err = &transportError{errForeign}
	Capture(req.Context(), err)

	return nil, err
}

// isMinIOs reports whether an answer has one of the marks that MinIO gives to each of its own,
// of both APIs. Gateways may replace one of them.
func isMinIOs(h http.Header) bool {
	return h.Get("X-Amz-Request-Id") != "" || h.Get("X-Amz-Id-2") != "" || h.Get("Server") == "MinIO"
}
