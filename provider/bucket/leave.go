package bucket

import (
	"context"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// leave ends anonymous access to a bucket that stays on the server without its Bucket, if the
// spec asks for that. The Bucket may be deleted before that change of its spec was applied,
// and its deletion changes the generation, so nothing shows whether it was.
func leave(ctx context.Context, s3 anonymousS3, b *miniov1alpha1.Bucket) error {
	if a := b.Spec.ForProvider.AnonymousAccess; a == nil || *a != miniov1alpha1.AnonymousAccessNone {
		return nil
	}

	err := resource.Ignore(minio.IsNotFound, s3.SetBucketPolicy(ctx, Name(b), ""))

	return errors.Wrapf(err, "cannot end anonymous access to bucket %q", Name(b))
}
