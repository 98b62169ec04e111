package bucket

import (
	"context"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// Delete removes the bucket if it is empty. With whenNotEmpty set to Purge, it first
// deletes what the bucket holds.
func (e *external) Delete(ctx context.Context, b *miniov1alpha1.Bucket) (managed.ExternalDelete, error) {
	reconciler.SetConditions(b, xpv1.Deleting())

	var err error

	switch {
	case b.Spec.ForProvider.WhenNotEmpty != miniov1alpha1.WhenNotEmptyPurge:
		err = e.removeEmpty(ctx, Name(b))
	case e.observed.metadata.locking():
		err = e.purgeVersions(ctx, b)
	default:
		err = e.purge(ctx, b)
	}

	return managed.ExternalDelete{}, err
}

// removeEmpty removes a bucket that holds nothing. It lists the contents itself, because
// the server would also remove a bucket that holds incomplete uploads.
func (e *external) removeEmpty(ctx context.Context, name string) error {
	c, err := listContents(ctx, e.s3, name)
	if minio.IsNotFound(err) {
		return nil
	}

	if err != nil {
		return err
	}

	if !c.Empty() {
		return errors.Errorf("bucket %q still holds %s: delete its objects with all their versions and abort its incomplete uploads, then it is removed; "+
			"or set spec.forProvider.whenNotEmpty to Purge, which deletes them", name, c)
	}

	return e.remove(ctx, name)
}

func (e *external) remove(ctx context.Context, name string) error {
	err := e.s3.RemoveBucket(ctx, name)
	if minio.IsNotFound(err) {
		return nil
	}

	return errors.Wrapf(err, "cannot remove bucket %q", name)
}
