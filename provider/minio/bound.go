package minio

import (
	"errors"
	"io"
	"net/http"
)

const (
	// maxAnswer bounds how many bytes of an answer the SDKs read, unless the operation has
	// another bound. They keep all of an answer in memory.
	maxAnswer = 16 << 20

	// maxUploads bounds the answer about the incomplete uploads to a bucket. MinIO lists all
	// of them at once, and a tenant can begin any number. One takes up to four kilobytes.
	maxUploads = 4 << 20
)

// maxAnswers are the bounds of operations with another one than maxAnswer.
var maxAnswers = map[string]int64{
	"admin:accountinfo":            maxUsage,
	"admin:export-bucket-metadata": maxSnapshot,
	"s3:ListMultipartUploads":      maxUploads,
}

// errTooLarge is the error of an answer that is larger than its bound.
var errTooLarge = errors.New("the server's answer is too large")

// IsTooLarge reports whether an answer was larger than may be read. What an SDK made of its
// beginning is correct, except for the last item, which may be incomplete.
func IsTooLarge(err error) bool { return errors.Is(err, errTooLarge) }

// bounded is the body of an answer that can be read up to its bound.
type bounded struct {
	io.ReadCloser

	// left is how many bytes may still be read, -1 after one more.
	left int64
}

// bound returns the body of an answer with the bound of its operation.
func bound(rsp *http.Response) io.ReadCloser {
	left, found := maxAnswers[Operation(rsp.Request.Method, rsp.Request.URL)]

	switch {
	case rsp.StatusCode >= http.StatusBadRequest:
		left = maxErrorBody
	case !found:
		left = maxAnswer
	}

	return &bounded{ReadCloser: rsp.Body, left: left}
}

// Read returns errTooLarge with the last byte before the bound if there is another one after it.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}

	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}

	n, err := b.ReadCloser.Read(p)

	if b.left -= int64(n); b.left < 0 {
		return n - 1, errTooLarge
	}

	return n, err
}
