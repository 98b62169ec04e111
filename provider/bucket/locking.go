package bucket

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// refreshInterval is how long a server shows outdated settings of a bucket at most: MinIO
// reads all of them from its disks every 15 minutes.
const refreshInterval = 20 * time.Minute

// checkLocking returns an error if a bucket should have object locking and has none.
//
// A client that reads a bucket's settings while the bucket is being made can have the server
// keep in its memory that there are none. It stores what the bucket was made with, but
// shows, and obeys, its memory. Writing any setting makes it read what it stored. Of a bucket
// that was made just now checkLocking enables versioning, which object locking implies. It does
// not once b was ready: it may have been given the name of another bucket, whose versioning
// nothing could undo.
func (e *external) checkLocking(ctx context.Context, b *miniov1alpha1.Bucket) error {
	if !b.Spec.ForProvider.ObjectLocking || e.observed.metadata.locking() {
		return nil
	}

	made := e.now().Sub(meta.GetExternalCreateSucceeded(b)) < refreshInterval

	if made && b.GetCondition(xpv1.TypeReady).Status != corev1.ConditionTrue && reconciler.Updatable(b) {
		if err := setVersioning(ctx, e.clients(), Name(b), miniov1alpha1.VersioningEnabled); err != nil {
			return errors.Wrapf(err, "cannot have the server read the object locking of bucket %q", Name(b))
		}

		m, err := readMetadata(ctx, e.server, Name(b))
		if err != nil {
			return errors.Wrapf(err, "cannot read bucket %q", Name(b))
		}

		e.observed.metadata = m
	}

	if e.observed.metadata.locking() {
		return nil
	}

	return errors.Errorf("bucket %q has no object locking, which cannot be added to a bucket: "+
		"set the annotation %s to a bucket that has it, or make a new Bucket without spec.forProvider.objectLocking",
		Name(b), meta.AnnotationKeyExternalName)
}
