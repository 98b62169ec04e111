package bucket

import (
	"context"
	"slices"

	"github.com/cistern-dev/cistern/provider/minio"
)

// maxExport bounds the answer to an export of one bucket's metadata, in bytes.
const maxExport = 4 << 20

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

// metadata is what the server keeps of a bucket's settings: the content of each file, by
// its name. A setting that the bucket does not have has no file.
type metadata minio.BucketFiles

// readMetadata reads the metadata of a bucket. If the bucket does not exist, the error
// satisfies minio.IsNotFound.
func readMetadata(ctx context.Context, server metadataServer, bucket string) (metadata, error) {
	archive, err := server.ExportBucketMetadata(ctx, bucket)
	if err != nil {
		return nil, err
	}

	all, err := minio.ReadExport(archive, maxExport, isSettingFile)

	return metadata(all[bucket]), err
}

// isSettingFile reports whether one of the settings is kept in this file.
func isSettingFile(file string) bool {
	return slices.ContainsFunc(allSettings(), func(s setting) bool { return s.file == file })
}
