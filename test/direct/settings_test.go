//go:build e2e

package direct

import (
	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// everySetting returns settings of a bucket, none of which is left out.
func everySetting() v1alpha1.BucketParameters {
	return v1alpha1.BucketParameters{
		Versioning: new(v1alpha1.VersioningEnabled),
	}
}
