package bucket

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// maxExport bounds what is read of a server's answer, and of each file in it:
// the largest of them, a bucket's policy, has 20 KiB at most.
const maxExport = 4 << 20

// exporter answers with all settings of a bucket at once.
type exporter interface {
	ExportBucketMetadata(ctx context.Context, bucket string) (io.ReadCloser, error)
}

// Names of the files in which the server keeps the settings of a bucket.
const (
	filePolicy     = "policy.json"
	fileLifecycle  = "lifecycle.xml"
	fileEncryption = "bucket-encryption.xml"
	fileTags       = "tagging.xml"
	fileQuota      = "quota.json"
	fileLocking    = "object-lock.xml"
	fileVersioning = "versioning.xml"
)

// settings are a bucket's settings as the server keeps them, by file. A setting
// that the bucket does not have has no file.
type settings map[string][]byte

// readSettings reads a bucket's settings. If the bucket does not exist the error
// satisfies minio.IsNotFound.
func readSettings(ctx context.Context, e exporter, bucket string) (settings, error) {
	r, err := e.ExportBucketMetadata(ctx, bucket)
	if err != nil {
		return nil, err
	}

	defer func() { _ = r.Close() }()

	b, err := io.ReadAll(io.LimitReader(r, maxExport))
	if err != nil {
		return nil, err
	}

	return parseExport(b, bucket)
}

// isSetting says whether a file is one of those that are looked at.
func isSetting(file string) bool {
	return slices.ContainsFunc(allSettings(), func(s setting) bool { return s.file == file })
}

// parseExport reads the archive that a server answers with. Its files lie in a
// directory that is named after the bucket. Those that no setting is kept in are
// not unpacked: a small archive can hold any number of large ones.
func parseExport(b []byte, bucket string) (settings, error) {
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, errors.Wrap(err, "the settings that the server sent cannot be read")
	}

	s := settings{}

	for _, f := range archive.File {
		name, found := strings.CutPrefix(f.Name, bucket+"/")
		if !found || !isSetting(name) {
			continue
		}

		content, err := readFile(f)
		if err != nil {
			return nil, errors.Wrapf(err, "the settings that the server sent cannot be read: %s", name)
		}

		s[name] = content
	}

	return s, nil
}

func readFile(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}

	defer func() { _ = r.Close() }()

	b, err := io.ReadAll(io.LimitReader(r, maxExport+1))
	if err == nil && len(b) > maxExport {
		err = fmt.Errorf("it is larger than %d bytes", maxExport)
	}

	return b, err
}
