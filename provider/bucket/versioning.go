package bucket

import (
	"context"
	"encoding/xml"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

type versioningS3 interface {
	SetBucketVersioning(ctx context.Context, bucket string, c miniogo.BucketVersioningConfiguration) error
}

// versioning means Enabled or Suspended, or none if the bucket was never versioned. A
// bucket cannot return to none.
var versioning = setting{
	field: "versioning",
	file:  fileVersioning,
	want: func(p *miniov1alpha1.BucketParameters) (string, bool) {
		if p.Versioning == nil {
			return none, false
		}

		return string(*p.Versioning), true
	},
	have: parseVersioning,
	write: func(ctx context.Context, c clients, bucket string, p *miniov1alpha1.BucketParameters) error {
		return setVersioning(ctx, c, bucket, *p.Versioning)
	},
	undo: func(ctx context.Context, c clients, bucket string) error {
		return setVersioning(ctx, c, bucket, miniov1alpha1.VersioningSuspended)
	},
	undone: func(have string, m metadata) bool {
		// Object locking needs versioning. An adopted bucket may have locking although
		// the spec does not ask for it.
		return have != string(miniov1alpha1.VersioningEnabled) || m.locking()
	},
}

func setVersioning(ctx context.Context, c clients, bucket string, v miniov1alpha1.VersioningState) error {
	err := c.s3.SetBucketVersioning(ctx, bucket, miniogo.BucketVersioningConfiguration{Status: string(v)})
	if minio.IsVersioningNeeded(err) {
		return errors.Wrap(err, "the server needs it for replication or object locking: set versioning to Enabled, or to true in a claim")
	}

	return err
}

func parseVersioning(file []byte) (string, error) {
	if len(file) == 0 {
		return none, nil
	}

	var c miniogo.BucketVersioningConfiguration

	err := xml.Unmarshal(file, &c)

	return c.Status, err
}

// versioning returns the state of versioning; empty if the bucket was never versioned.
func (m metadata) versioning() (string, error) { return parseVersioning(m[fileVersioning]) }
