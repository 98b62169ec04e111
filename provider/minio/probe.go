package minio

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// maxErrorBody bounds how many bytes of an error's answer are read.
const maxErrorBody = 64 << 10

// Locate gets a bucket's location as its users would: with their key, at one of the
// server's endpoints. It is the one call that every kind of access allows, and the server
// checks the access before the bucket's existence. The error distinguishes a key that the
// server does not know (IsBadKey), one that has no access (IsDenied), and a bucket that does
// not exist (IsNotFound).
//
// While another endpoint than the server's own does not answer, few calls are made to it: the
// error is that of the last one, or ErrUnanswered before there is any.
//
// The SDK's own method makes no call if it knows the region.
func (s *Server) Locate(ctx context.Context, endpoint, accessKey string, secretKey Secret, bucket string) error {
	call := func() error { return s.locate(ctx, endpoint, accessKey, secretKey, bucket) }

	var err error
	if endpoint == s.Endpoint {
		err = call()
	} else {
		err = s.public.do(ctx, call)
	}

	if err != nil {
		return &probeError{err}
	}

	return nil
}

// probeError marks an error of a call with a user's key, at an endpoint that may differ
// from the server's own. It says nothing about the administrator's key or endpoint.
type probeError struct{ error }

// Unwrap returns the marked error.
func (e *probeError) Unwrap() error { return e.error }

func (s *Server) locate(ctx context.Context, endpoint, accessKey string, secretKey Secret, bucket string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("endpoint %q is not a URL: %w", endpoint, err)
	}

	u = u.JoinPath(bucket, "/")
	u.RawQuery = url.Values{"location": {""}}.Encode()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("cannot make a request for %s: %w", endpoint, err)
	}

	// The hash of an empty body.
	req.Header.Set("X-Amz-Content-Sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

	rsp, err := s.transport.RoundTrip(signer.SignV4(*req, accessKey, secretKey.Reveal(), "", s.SigningRegion()))
	if err != nil {
		return err
	}

	defer func() { _ = rsp.Body.Close() }()

	if rsp.StatusCode == http.StatusOK {
		return checkLocation(rsp.Body)
	}

	return s3Error(rsp)
}

// checkLocation returns an error unless an answer is the location of a bucket. Anything else comes
// from something in front of the server, which proves nothing.
func checkLocation(answer io.Reader) error {
	location := struct {
		XMLName xml.Name `xml:"LocationConstraint"`
	}{}

	if err := xml.NewDecoder(io.LimitReader(answer, maxErrorBody)).Decode(&location); err != nil {
		if _, cut := errors.AsType[*transportError](err); cut {
			return err
		}

		return &transportError{errForeign}
	}

	return nil
}

// s3Error returns the error that an answer of the S3 API holds.
func s3Error(rsp *http.Response) error {
	e := miniogo.ErrorResponse{}

	err := xml.NewDecoder(io.LimitReader(rsp.Body, maxErrorBody)).Decode(&e)
	if err != nil || e.Code == "" {
		return fmt.Errorf("it answered %s, but not in the form of the S3 API", rsp.Status)
	}

	e.StatusCode = rsp.StatusCode

	// MinIO gives each answer an ID, in the header and in the body. What others answer,
	// or change, is not MinIO's word.
	if e.RequestID != rsp.Header.Get("X-Amz-Request-Id") {
		e.RequestID = ""
	}

	return e
}
