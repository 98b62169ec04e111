package minio

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/madmin-go/v3"
)

// ExportBucketMetadata returns an archive of all settings of a bucket, or of all
// buckets if the name is empty. If the bucket does not exist the error satisfies
// IsNotFound. The caller closes the
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

	return nil, adminAnswerOf(rsp)
}

// adminAnswerOf returns the error that an answer of the administration API holds.
func adminAnswerOf(rsp *http.Response) error {
	e := madmin.ErrorResponse{}
	if err := json.NewDecoder(io.LimitReader(rsp.Body, maxErrorBody)).Decode(&e); err != nil || e.Code == "" {
		return fmt.Errorf("the server answered %s, and not as MinIO's administration API would", rsp.Status)
	}

	return e
}

// BucketFiles are the files in which the server keeps the settings of a bucket, by
// name. A setting that the bucket does not have has no file.
type BucketFiles map[string][]byte

// maxFile bounds the files of an archive: the largest of them, a bucket's policy,
// has 20 KiB at most.
const maxFile = 4 << 20

// ReadExport reads an archive of at most limit bytes to its end, closes it, and
// returns what ParseExport does.
func ReadExport(archive io.ReadCloser, limit int64, keep func(file string) bool) (map[string]BucketFiles, error) {
	defer func() { _ = archive.Close() }()

	b, err := io.ReadAll(io.LimitReader(archive, limit))
	if err != nil {
		return nil, err
	}

	return ParseExport(b, keep)
}

// ParseExport reads the archive that ExportBucketMetadata returns. Its files lie in
// directories that are named after the buckets. Those that keep does not want are
// not unpacked: a small archive can hold any number of large ones. Their bucket is
// in the result all the same.
func ParseExport(archive []byte, keep func(file string) bool) (map[string]BucketFiles, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("the settings that the server sent cannot be read: %w", err)
	}

	all := make(map[string]BucketFiles)

	for _, f := range r.File {
		bucket, name, _ := strings.Cut(f.Name, "/")
		if all[bucket] == nil {
			all[bucket] = BucketFiles{}
		}

		if !keep(name) {
			continue
		}

		if all[bucket][name], err = readFile(f); err != nil {
			return nil, fmt.Errorf("the settings that the server sent cannot be read: %s: %w", name, err)
		}
	}

	return all, nil
}

func readFile(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}

	defer func() { _ = r.Close() }()

	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("it is larger than %d bytes", maxFile)
	}

	return b, err
}
