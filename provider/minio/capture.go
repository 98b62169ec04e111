package minio

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// ErrorCapture keeps the error of the last failed call of a context. It serves callers
// that get a text instead of an error, from Terraform for example. It is safe for
// concurrent use.
type ErrorCapture struct {
	mu  sync.Mutex
	err error
}

type captureKey struct{}

// CaptureErrors returns a context, and an ErrorCapture that keeps the error of the last
// failed call made with it. The captures of ctx itself keep the same errors.
func CaptureErrors(ctx context.Context) (context.Context, *ErrorCapture) {
	c := &ErrorCapture{}

	return context.WithValue(ctx, captureKey{}, append(captures(ctx), c)), c
}

// captures returns the captures of a context.
func captures(ctx context.Context) []*ErrorCapture {
	c, _ := ctx.Value(captureKey{}).([]*ErrorCapture)

	return slices.Clip(c)
}

// Err returns the error as the SDKs would return it, or nil if no call failed. An answer
// that something does not exist is an error too.
func (c *ErrorCapture) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.err
}

func (c *ErrorCapture) set(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.err = err
}

// Capture makes the captures of a context keep an error, as if a call had failed with it.
func Capture(ctx context.Context, err error) {
	for _, c := range captures(ctx) {
		c.set(err)
	}
}

// captureResponse makes the captures of a request's context keep the error that the
// response holds, if any. The body of the response can still be read.
func captureResponse(rsp *http.Response) {
	ctx := rsp.Request.Context()
	if rsp.StatusCode < http.StatusBadRequest || len(captures(ctx)) == 0 {
		return
	}

	body, err := io.ReadAll(io.LimitReader(rsp.Body, maxErrorBody))
	rsp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rsp.Body), rsp.Body}

	if err == nil {
		err = responseError(rsp, body)
	}

	Capture(ctx, err)
}

// responseError returns the error that a response holds: in JSON if it is of the
// administration API or the KMS, in XML if it is of the S3 API.
func responseError(rsp *http.Response, body []byte) error {
	r := &http.Response{Status: rsp.Status, StatusCode: rsp.StatusCode, Header: rsp.Header, Body: io.NopCloser(bytes.NewReader(body))}
	if strings.HasPrefix(rsp.Request.URL.Path, "/minio/") {
		return adminError(r)
	}

	return s3Error(r)
}
