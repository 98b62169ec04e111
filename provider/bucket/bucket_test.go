package bucket

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	miniogo "github.com/minio/minio-go/v7"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

var (
	errLost     = errors.New("connection reset by peer")
	errMissing  = miniogo.ErrorResponse{Code: miniogo.NoSuchBucket, RequestID: "1", StatusCode: 404}
	errExists   = miniogo.ErrorResponse{Code: "BucketAlreadyOwnedByYou", RequestID: "1", StatusCode: 409}
	errNotEmpty = miniogo.ErrorResponse{Code: "BucketNotEmpty", RequestID: "1", StatusCode: 409}
	errGateway  = miniogo.ErrorResponse{Code: "504 Gateway Timeout", StatusCode: 504}
	errUnlocked = miniogo.ErrorResponse{Code: "ObjectLockConfigurationNotFoundError", RequestID: "1", StatusCode: 404}
)

type fakeS3 struct {
	makeBucket    func(name string, o miniogo.MakeBucketOptions) error
	removeBucket  func(name string) error
	getVersioning func(name string) (miniogo.BucketVersioningConfiguration, error)
	setVersioning func(name, status string) error
	lock          error
}

func (f *fakeS3) GetObjectLockConfig(context.Context, string) (string, *miniogo.RetentionMode, *uint, *miniogo.ValidityUnit, error) {
	if f.lock != nil {
		return "", nil, nil, nil, f.lock
	}

	return "Enabled", nil, nil, nil, nil
}

func (f *fakeS3) MakeBucket(_ context.Context, name string, o miniogo.MakeBucketOptions) error {
	return f.makeBucket(name, o)
}

func (f *fakeS3) RemoveBucket(_ context.Context, name string) error { return f.removeBucket(name) }

func (f *fakeS3) GetBucketVersioning(_ context.Context, name string) (miniogo.BucketVersioningConfiguration, error) {
	return f.getVersioning(name)
}

func (f *fakeS3) SetBucketVersioning(_ context.Context, name string, c miniogo.BucketVersioningConfiguration) error {
	return f.setVersioning(name, c.Status)
}

type modifier func(*v1alpha1.Bucket)

func newBucket(m ...modifier) *v1alpha1.Bucket {
	b := &v1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "photos", Namespace: "team-a"}}
	for _, f := range m {
		f(b)
	}

	return b
}

func withAnnotation(k, v string) modifier {
	return func(b *v1alpha1.Bucket) { meta.AddAnnotations(b, map[string]string{k: v}) }
}

func withVersioning(v v1alpha1.VersioningState) modifier {
	return func(b *v1alpha1.Bucket) { b.Spec.ForProvider.Versioning = &v }
}

func deleted() modifier {
	return func(b *v1alpha1.Bucket) { b.DeletionTimestamp = new(metav1.Now()) }
}

func TestObserve(t *testing.T) {
	created := withAnnotation(meta.AnnotationKeyExternalCreateSucceeded, "2026-01-01T00:00:00Z")
	pending := withAnnotation(meta.AnnotationKeyExternalCreatePending, "2026-01-01T00:00:00Z")
	named := withAnnotation(meta.AnnotationKeyExternalName, "photos")
	withLocking := func(b *v1alpha1.Bucket) { b.Spec.ForProvider.ObjectLocking = true }
	failed := withAnnotation(meta.AnnotationKeyExternalCreateFailed, "2026-01-01T00:00:01Z")

	type want struct {
		o   managed.ExternalObservation
		err error
	}

	cases := map[string]struct {
		reason string
		bucket *v1alpha1.Bucket
		status string
		err    error
		lock   error
		want   want
	}{
		"Missing": {
			reason: "A bucket that the server does not have is to be created.",
			bucket: newBucket(),
			err:    errMissing,
		},
		"Unreachable": {
			reason: "A server that does not answer says nothing of the bucket.",
			bucket: newBucket(created),
			err:    errLost,
			want:   want{err: cmpopts.AnyError},
		},
		"Created": {
			reason: "The bucket that the resource created is its own.",
			bucket: newBucket(created, named),
			want:   want{o: managed.ExternalObservation{ResourceExists: true, ResourceUpToDate: true}},
		},
		"CrashedWhileCreating": {
			reason: "A creation whose outcome was never recorded may have worked, and is recorded now.",
			bucket: newBucket(pending),
			want:   want{o: managed.ExternalObservation{ResourceExists: true, ResourceUpToDate: true, ResourceLateInitialized: true}},
		},
		"SomebodyElses": {
			reason: "A bucket that was there before is not taken.",
			bucket: newBucket(),
			want:   want{err: cmpopts.AnyError},
		},
		"SomebodyElsesAfterRefusal": {
			reason: "A bucket that somebody else made first is not taken.",
			bucket: newBucket(pending, failed),
			want:   want{err: cmpopts.AnyError},
		},
		"SomebodyElsesWhileDeleting": {
			reason: "Deleting the resource does not touch a bucket that is not its own.",
			bucket: newBucket(deleted()),
		},
		"Adopted": {
			reason: "The external name set by hand adopts a bucket.",
			bucket: newBucket(named),
			want:   want{o: managed.ExternalObservation{ResourceExists: true, ResourceUpToDate: true}},
		},
		"AdoptedWithLocking": {
			reason: "A bucket that has object locking is adopted as one.",
			bucket: newBucket(named, withLocking),
			want:   want{o: managed.ExternalObservation{ResourceExists: true, ResourceUpToDate: true}},
		},
		"AdoptedWithoutLocking": {
			reason: "Object locking cannot be added to a bucket.",
			bucket: newBucket(named, withLocking),
			lock:   errUnlocked,
			want:   want{err: cmpopts.AnyError},
		},
		"VersioningDiffers": {
			reason: "Versioning that is not as wanted is to be set.",
			bucket: newBucket(created, named, withVersioning(v1alpha1.VersioningEnabled)),
			status: "Suspended",
			want:   want{o: managed.ExternalObservation{ResourceExists: true}},
		},
		"VersioningUnmanaged": {
			reason: "Versioning that nobody asked for is left alone.",
			bucket: newBucket(created, named),
			status: "Enabled",
			want:   want{o: managed.ExternalObservation{ResourceExists: true, ResourceUpToDate: true}},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := &external{s3: &fakeS3{lock: tc.lock, getVersioning: func(string) (miniogo.BucketVersioningConfiguration, error) {
				return miniogo.BucketVersioningConfiguration{Status: tc.status}, tc.err
			}}}

			o, err := e.Observe(context.Background(), tc.bucket)
			if diff := cmp.Diff(tc.want.err, err, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("%s\nObserve(...): -want error, +got error:\n%s", tc.reason, diff)
			}

			if diff := cmp.Diff(tc.want.o, o); diff != "" {
				t.Errorf("%s\nObserve(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestCreate(t *testing.T) {
	type want struct {
		externalName string
		options      miniogo.MakeBucketOptions
		versioning   string
		err          error
	}

	cases := map[string]struct {
		reason string
		bucket *v1alpha1.Bucket
		err    error
		want   want
	}{
		"Plain": {
			reason: "A bucket without settings is made with none.",
			bucket: newBucket(),
			want:   want{externalName: "photos"},
		},
		"Settings": {
			reason: "All settings reach the server.",
			bucket: newBucket(withVersioning(v1alpha1.VersioningEnabled), func(b *v1alpha1.Bucket) {
				b.Spec.ForProvider.Region = new("eu-1")
				b.Spec.ForProvider.ObjectLocking = true
			}),
			want: want{
				externalName: "photos",
				options:      miniogo.MakeBucketOptions{Region: "eu-1", ObjectLocking: true},
				versioning:   "Enabled",
			},
		},
		"SomebodyWasFirst": {
			reason: "A bucket that exists already is not recorded as ours.",
			bucket: newBucket(),
			err:    errExists,
			want:   want{err: cmpopts.AnyError},
		},
		"GatewayGaveUp": {
			reason: "A bucket that may have been made is recorded as ours, whoever gave up waiting.",
			bucket: newBucket(),
			err:    errGateway,
			want:   want{externalName: "photos", err: cmpopts.AnyError},
		},
		"AnswerLost": {
			reason: "A bucket that may have been made is recorded as ours.",
			bucket: newBucket(),
			err:    errLost,
			want:   want{externalName: "photos", err: cmpopts.AnyError},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got want

			e := &external{s3: &fakeS3{
				makeBucket: func(_ string, o miniogo.MakeBucketOptions) error {
					got.options = o

					return tc.err
				},
				setVersioning: func(_, status string) error {
					got.versioning = status

					return nil
				},
			}}

			_, got.err = e.Create(context.Background(), tc.bucket)
			got.externalName = meta.GetExternalName(tc.bucket)

			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{}), cmpopts.EquateErrors()); diff != "" {
				t.Errorf("%s\nCreate(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestDelete(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
		want   error
	}{
		"Removed":  {reason: "An empty bucket is removed."},
		"Gone":     {reason: "A bucket that is gone needs no removal.", err: errMissing},
		"NotEmpty": {reason: "A bucket with objects stays.", err: errNotEmpty, want: cmpopts.AnyError},
		"Lost":     {reason: "An answer that got lost is reported.", err: errLost, want: cmpopts.AnyError},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := &external{s3: &fakeS3{removeBucket: func(string) error { return tc.err }}}

			_, err := e.Delete(context.Background(), newBucket())
			if diff := cmp.Diff(tc.want, err, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("%s\nDelete(...): -want error, +got error:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestUpdate(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
		want   v1alpha1.VersioningState
	}{
		"Set":  {reason: "What was set is what the resource shows, without another look.", want: v1alpha1.VersioningEnabled},
		"Lost": {reason: "What may not have been set does not show.", err: errLost, want: v1alpha1.VersioningSuspended},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBucket(withVersioning(v1alpha1.VersioningEnabled))
			b.Status.AtProvider.Versioning = v1alpha1.VersioningSuspended

			e := &external{s3: &fakeS3{setVersioning: func(_, _ string) error { return tc.err }}}

			_, err := e.Update(context.Background(), b)
			if !errors.Is(err, tc.err) {
				t.Errorf("%s\nUpdate(...): want %v, got %v", tc.reason, tc.err, err)
			}

			if got := b.Status.AtProvider.Versioning; got != tc.want {
				t.Errorf("%s\nUpdate(...): want %s to show, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

// TestUpdateOfMissing updates a bucket that is missing, which the runtime asks
// for where management policies allow updates but no creation.
func TestUpdateOfMissing(t *testing.T) {
	if _, err := (&external{}).Update(context.Background(), newBucket()); err == nil {
		t.Error("Update(...): want an error that says so")
	}
}
