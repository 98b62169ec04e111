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

// ExportBucketMetadata returns an archive of the metadata of a bucket, or of all buckets if
// the name is empty. If the bucket does not exist, the error satisfies IsNotFound. The
// caller closes the archive.
//
// The SDK's own method discards the server's answer before it decodes the error in it, so
// that a missing bucket looks like any other error.
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

	return nil, adminError(rsp)
}

// adminError returns the error that an answer of the administration API holds.
func adminError(rsp *http.Response) error {
	e := madmin.ErrorResponse{}
	if err := json.NewDecoder(io.LimitReader(rsp.Body, maxErrorBody)).Decode(&e); err != nil || e.Code == "" {
		return fmt.Errorf("the server answered %s, but not in the form of MinIO's administration API", rsp.Status)
	}

	return e
}

// BucketFiles holds the files in which the server keeps a bucket's metadata, by name. A
// setting that the bucket does not have has no file.
type BucketFiles map[string][]byte

const (
	// maxFile bounds the size of one file of an archive. The largest one, a bucket's policy,
	// has at most 20 KiB.
	maxFile = 4 << 20

	// unpackedShare bounds the size of all files of an archive that are unpacked, relative to
	// the bound of the archive.
	unpackedShare = 2
)

// ReadExport reads an archive of at most limit bytes, closes it, and parses it like
// ParseExport. The files may have twice as many bytes.
func ReadExport(archive io.ReadCloser, limit int64, keep func(file string) bool) (map[string]BucketFiles, error) {
	defer func() { _ = archive.Close() }()

	b, err := io.ReadAll(io.LimitReader(archive, limit))
	if err != nil {
		return nil, err
	}

	return parseExport(b, unpackedShare*limit, keep)
}

// ParseExport returns the files of an archive of ExportBucketMetadata, by bucket. In the
// archive each bucket is a directory. Files that keep does not want are not unpacked,
// because a small archive can hold any number of large files; their bucket is in the result
// all the same.
func ParseExport(archive []byte, keep func(file string) bool) (map[string]BucketFiles, error) {
	return parseExport(archive, unpackedShare*maxSnapshot, keep)
}

// parseExport parses an archive whose files have at most left bytes together.
func parseExport(archive []byte, left int64, keep func(file string) bool) (map[string]BucketFiles, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("cannot read the bucket metadata that the server sent: %w", err)
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

		if all[bucket][name], err = readFile(f, min(left, maxFile)); err != nil {
			return nil, fmt.Errorf("cannot read the bucket metadata that the server sent: %s: %w", name, err)
		}

		left -= int64(len(all[bucket][name]))
	}

	return all, nil
}

// readFile unpacks a file of at most limit bytes.
func readFile(f *zip.File, limit int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}

	defer func() { _ = r.Close() }()

	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("it is larger than %d bytes", limit)
	}

	return b, err
}
