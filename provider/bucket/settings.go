package bucket

import (
	"context"
	"io"
	"slices"

	"github.com/cistern-dev/cistern/provider/minio"
)

// maxExport bounds what is read of a server's answer.
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
type settings minio.BucketFiles

// readSettings reads a bucket's settings. If the bucket does not exist the error
// satisfies minio.IsNotFound.
func readSettings(ctx context.Context, e exporter, bucket string) (settings, error) {
	r, err := e.ExportBucketMetadata(ctx, bucket)
	if err != nil {
		return nil, err
	}

	all, err := minio.ReadExport(r, maxExport, isSetting)

	return settings(all[bucket]), err
}

// isSetting says whether a file is one of those that are looked at.
func isSetting(file string) bool {
	return slices.ContainsFunc(allSettings(), func(s setting) bool { return s.file == file })
}
