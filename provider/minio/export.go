package minio

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/minio/madmin-go/v3"
)

// ExportBucketMetadata returns an archive of all settings of a bucket. If the
// bucket does not exist the error satisfies IsNotFound. The caller closes the
// archive.
//
// The SDK's own call throws the server's answer away before it looks for the
// error in it, so that a bucket that is not there cannot be told from any
// other trouble.
func (s *Server) ExportBucketMetadata(ctx context.Context, bucket string) (io.ReadCloser, error) {
	rsp, err := s.Admin.ExecuteMethod(ctx, http.MethodGet, madmin.RequestData{
		RelPath:     "/v3/export-bucket-metadata",
		QueryValues: url.Values{"bucket": {bucket}},
	})
	if err != nil {
		return nil, err
	}

	if rsp.StatusCode == http.StatusOK {
		return rsp.Body, nil
	}

	defer func() { _ = rsp.Body.Close() }()

	e := madmin.ErrorResponse{}
	if err := json.NewDecoder(io.LimitReader(rsp.Body, maxErrorBody)).Decode(&e); err != nil || e.Code == "" {
		return nil, fmt.Errorf("the server answered %s, and not as MinIO's administration API would", rsp.Status)
	}

	return nil, e
}
