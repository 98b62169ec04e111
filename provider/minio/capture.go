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

// ErrorCapture keeps the error of the last call that failed of those made with a
// context, for where others turn errors into texts. It is safe for concurrent
// use.
type ErrorCapture struct {
	mu  sync.Mutex
	err error
}

type troubleKey struct{}

// CaptureErrors returns a context whose calls report their errors to the ErrorCapture,
// and to that of ctx if there is one.
func CaptureErrors(ctx context.Context) (context.Context, *ErrorCapture) {
	t := &ErrorCapture{}

	return context.WithValue(ctx, troubleKey{}, append(troubles(ctx), t)), t
}

// troubles returns to whom the calls of a context report.
func troubles(ctx context.Context) []*ErrorCapture {
	t, _ := ctx.Value(troubleKey{}).([]*ErrorCapture)

	return slices.Clip(t)
}

// Err returns the error, as the SDKs would return it; nil if no call failed. That
// something does not exist is an error too.
func (t *ErrorCapture) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()

	return t.err
}

func (t *ErrorCapture) set(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.err = err
}

// Report tells the troubles of a context of an error, as a call that fails does.
func Report(ctx context.Context, err error) {
	for _, t := range troubles(ctx) {
		t.set(err)
	}
}

// reportRefusal tells the troubles of a request's context of an answer that is an
// error, of which it leaves the body as it was.
func reportRefusal(rsp *http.Response) {
	ctx := rsp.Request.Context()
	if rsp.StatusCode < http.StatusBadRequest || len(troubles(ctx)) == 0 {
		return
	}

	text, err := io.ReadAll(io.LimitReader(rsp.Body, maxErrorBody))
	rsp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), rsp.Body), rsp.Body}

	if err == nil {
		err = refusalOf(rsp, text)
	}

	Report(ctx, err)
}

// refusalOf returns the error that an answer holds: JSON if it is of the
// administration API or the KMS's, XML if it is of the S3 API.
func refusalOf(rsp *http.Response, text []byte) error {
	answer := &http.Response{Status: rsp.Status, StatusCode: rsp.StatusCode, Header: rsp.Header, Body: io.NopCloser(bytes.NewReader(text))}
	if strings.HasPrefix(rsp.Request.URL.Path, "/minio/") {
		return adminAnswerOf(answer)
	}

	return answerOf(answer)
}
