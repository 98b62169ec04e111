// Package bucket drives the buckets of a MinIO server.
package bucket

import (
	"context"

	miniogo "github.com/minio/minio-go/v7"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/kind"
	"github.com/cistern-dev/cistern/provider/minio"
)

// Kind of Bucket.
func Kind() kind.Kind[*v1alpha1.Bucket] {
	return kind.Kind[*v1alpha1.Bucket]{
		GVK:    v1alpha1.BucketKind,
		Object: &v1alpha1.Bucket{},
		List:   &v1alpha1.BucketList{},
		Client: func(_ kind.Kube, srv *minio.Server) managed.TypedExternalClient[*v1alpha1.Bucket] {
			return &external{s3: srv.S3}
		},
	}
}

// s3 is what is needed of an S3 client.
type s3 interface {
	MakeBucket(ctx context.Context, bucket string, o miniogo.MakeBucketOptions) error
	RemoveBucket(ctx context.Context, bucket string) error
	GetObjectLockConfig(ctx context.Context, bucket string) (lock string, mode *miniogo.RetentionMode, validity *uint, unit *miniogo.ValidityUnit, err error)
	GetBucketVersioning(ctx context.Context, bucket string) (miniogo.BucketVersioningConfiguration, error)
	SetBucketVersioning(ctx context.Context, bucket string, c miniogo.BucketVersioningConfiguration) error
}

// external drives one server's buckets.
type external struct{ s3 s3 }

// Name returns the name of b's bucket on the server.
func Name(b *v1alpha1.Bucket) string {
	if n := meta.GetExternalName(b); n != "" {
		return n
	}

	return b.GetName()
}

// Observe costs one call: asking for a bucket's versioning also tells whether
// the bucket exists.
func (e *external) Observe(ctx context.Context, b *v1alpha1.Bucket) (managed.ExternalObservation, error) {
	name := Name(b)

	v, err := e.s3.GetBucketVersioning(ctx, name)
	if minio.IsNotFound(err) {
		return managed.ExternalObservation{}, nil
	}

	if err != nil {
		return managed.ExternalObservation{}, errors.Wrapf(err, "cannot look at bucket %q", name)
	}

	if !kind.Owns(b) {
		if meta.WasDeleted(b) {
			return managed.ExternalObservation{}, nil
		}

		return managed.ExternalObservation{}, errors.Errorf(
			"bucket %q exists and was not made by this resource: choose another name, or set the annotation %s: %s to adopt it",
			name, meta.AnnotationKeyExternalName, name)
	}

	if err := e.checkLocking(ctx, b); err != nil {
		return managed.ExternalObservation{}, err
	}

	b.Status.AtProvider.Versioning = v1alpha1.VersioningState(v.Status)
	b.SetConditions(xpv1.Available())

	o := managed.ExternalObservation{ResourceExists: true, ResourceUpToDate: versioned(b)}

	if meta.GetExternalName(b) == "" {
		// A creation whose end was never recorded: record it now, because
		// references to the Bucket read its external name.
		meta.SetExternalName(b, name)

		o.ResourceLateInitialized = true
	}

	return o, nil
}

// checkLocking returns an error if the bucket should have object locking and was
// adopted without. Of a bucket that the resource made it is known.
func (e *external) checkLocking(ctx context.Context, b *v1alpha1.Bucket) error {
	if !b.Spec.ForProvider.ObjectLocking || !meta.GetExternalCreatePending(b).IsZero() || meta.WasDeleted(b) {
		return nil
	}

	lock, _, _, _, err := e.s3.GetObjectLockConfig(ctx, Name(b))
	if err != nil && !minio.IsRefusal(err) {
		return errors.Wrapf(err, "cannot look at the object locking of bucket %q", Name(b))
	}

	if lock != "Enabled" {
		return errors.Errorf("bucket %q has no object locking, which cannot be added to a bucket: unset spec.forProvider.objectLocking, or adopt another bucket", Name(b))
	}

	return nil
}

// Create makes the bucket and switches versioning as wanted.
func (e *external) Create(ctx context.Context, b *v1alpha1.Bucket) (managed.ExternalCreation, error) {
	name := Name(b)
	o := miniogo.MakeBucketOptions{ObjectLocking: b.Spec.ForProvider.ObjectLocking}

	if b.Spec.ForProvider.Region != nil {
		o.Region = *b.Spec.ForProvider.Region
	}

	err := e.s3.MakeBucket(ctx, name, o)
	if err == nil || !minio.IsRefusal(err) {
		// The bucket was made, or may have been; see kind.Owns.
		meta.SetExternalName(b, name)
	}

	if err != nil {
		return managed.ExternalCreation{}, errors.Wrapf(err, "cannot make bucket %q", name)
	}

	if versioned(b) {
		return managed.ExternalCreation{}, nil
	}

	return managed.ExternalCreation{}, e.setVersioning(ctx, b)
}

// Update switches versioning as wanted. The next look is a poll away, so Update
// says itself what the server has now.
func (e *external) Update(ctx context.Context, b *v1alpha1.Bucket) (managed.ExternalUpdate, error) {
	if err := e.setVersioning(ctx, b); err != nil {
		return managed.ExternalUpdate{}, err
	}

	b.Status.AtProvider.Versioning = *b.Spec.ForProvider.Versioning

	return managed.ExternalUpdate{}, nil
}

// Delete removes the bucket if it is empty.
func (e *external) Delete(ctx context.Context, b *v1alpha1.Bucket) (managed.ExternalDelete, error) {
	b.SetConditions(xpv1.Deleting())

	name := Name(b)

	switch err := e.s3.RemoveBucket(ctx, name); {
	case minio.IsNotFound(err):
		return managed.ExternalDelete{}, nil
	case minio.IsNotEmpty(err):
		return managed.ExternalDelete{}, errors.Errorf("bucket %q is not empty: delete its objects, with all their versions, and it goes too", name)
	default:
		return managed.ExternalDelete{}, errors.Wrapf(err, "cannot remove bucket %q", name)
	}
}

// Disconnect does nothing: the client is shared.
func (e *external) Disconnect(context.Context) error { return nil }

func (e *external) setVersioning(ctx context.Context, b *v1alpha1.Bucket) error {
	if b.Spec.ForProvider.Versioning == nil {
		// Only a bucket that is missing, and that the resource's management
		// policies forbid to make, gets here without anything to set.
		return errors.Errorf("bucket %q does not exist, and spec.managementPolicies do not allow to create it", Name(b))
	}

	want := *b.Spec.ForProvider.Versioning
	err := e.s3.SetBucketVersioning(ctx, Name(b), miniogo.BucketVersioningConfiguration{Status: string(want)})

	return errors.Wrapf(err, "cannot set versioning of bucket %q to %s", Name(b), want)
}

// versioned reports whether the bucket's versioning was last seen as wanted.
func versioned(b *v1alpha1.Bucket) bool {
	want := b.Spec.ForProvider.Versioning

	return want == nil || *want == b.Status.AtProvider.Versioning
}
