// Package bucket drives the buckets of a MinIO server.
package bucket

import (
	"context"
	"slices"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/controller"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// SnapshotShare is the part of the drift interval that a snapshot of all buckets of a
// server may be old to answer polls, see minio.WithSnapshots.
const SnapshotShare = 5

// Kind of Bucket. Each Bucket that changed yields is reconciled before its next poll.
func Kind(changed <-chan event.GenericEvent) controller.Kind[*miniov1alpha1.Bucket] {
	glances := newGlances()

	return controller.Kind[*miniov1alpha1.Bucket]{
		GVK:    miniov1alpha1.BucketKind,
		Object: &miniov1alpha1.Bucket{},
		List:   &miniov1alpha1.BucketList{},
		Client: func(kube controller.Kube, srv *minio.Server) managed.TypedExternalClient[*miniov1alpha1.Bucket] {
			return &external{
				s3: miniogo.Core{Client: srv.S3}, admin: srv.Admin, server: srv, all: srv,
				live: kube.Live, glances: glances, now: time.Now,
			}
		},
		PollInterval: pollInterval,
		Wake:         changed,
	}
}

// pollInterval leaves room for the age of the snapshot that may answer a poll, so
// that drift is found within the interval.
func pollInterval(drift time.Duration) time.Duration { return drift - drift/SnapshotShare }

// s3 is what is needed of an S3 client, beside what the settings need.
type s3 interface {
	settingsS3
	purgeS3

	MakeBucket(ctx context.Context, bucket string, o miniogo.MakeBucketOptions) error
	RemoveBucket(ctx context.Context, bucket string) error
}

// external drives one server's buckets.
type external struct {
	s3    s3
	admin admin
	// server is asked for all settings of a bucket.
	server exporter
	// all is asked for those of all buckets.
	all looker
	// live reads from the API server itself.
	live    client.Reader
	glances *glances
	now     func() time.Time

	// found is what Observe found, for Update and Delete. A client lives for one
	// reconcile.
	found findings
}

// findings are what a bucket is like, and what is amiss with it.
type findings struct {
	exists bool
	// settings of the bucket, as the server has them.
	settings settings
	// amiss are the settings to write or to undo.
	amiss []setting
	// stale are the incomplete uploads to give up.
	stale []miniogo.ObjectMultipartInfo
}

// Name returns the name of b's bucket on the server.
func Name(b *miniov1alpha1.Bucket) string {
	if n := meta.GetExternalName(b); n != "" {
		return n
	}

	return b.GetName()
}

// CheckName returns what is wrong with the name of a bucket: the server would take
// some such names for those of files.
func CheckName(name string) error { return s3utils.CheckValidBucketNameStrict(name) }

// Observe costs one call, which answers for existence and all settings, and a
// second one for a bucket whose incomplete uploads are to be given up. In polls
// the first is shared with other Buckets where there are many, and the second made
// once an hour.
func (e *external) Observe(ctx context.Context, b *miniov1alpha1.Bucket) (managed.ExternalObservation, error) {
	name := Name(b)

	if err := CheckName(name); err != nil {
		if meta.WasDeleted(b) {
			return managed.ExternalObservation{}, nil
		}

		return managed.ExternalObservation{}, errors.Errorf("%q cannot be the name of a bucket: %v: choose another name, or set the annotation %s",
			name, err, meta.AnnotationKeyExternalName)
	}

	s, routine, err := e.look(ctx, b)
	if minio.IsNotFound(err) {
		e.glances.forgetPass(b)

		return managed.ExternalObservation{}, nil
	}

	if err != nil {
		return managed.ExternalObservation{}, errors.Wrapf(err, "cannot look at bucket %q", name)
	}

	if !reconciler.Owns(b) {
		return managed.ExternalObservation{}, reconciler.NotOwned(b, "bucket", name)
	}

	e.found = findings{exists: true, settings: s}

	if meta.WasDeleted(b) {
		e.glances.forget(b)

		return managed.ExternalObservation{ResourceExists: true}, nil
	}

	if b.Spec.ForProvider.ObjectLocking && !s.locking() {
		return managed.ExternalObservation{}, errors.Errorf("bucket %q has no object locking, which cannot be added to a bucket: unset spec.forProvider.objectLocking, or adopt another bucket", name)
	}

	if err := e.examine(ctx, b, routine); err != nil {
		return managed.ExternalObservation{}, err
	}

	e.glances.looked(b)

	o := managed.ExternalObservation{
		ResourceExists:          true,
		ResourceUpToDate:        len(e.found.amiss) == 0 && len(e.found.stale) == 0,
		ResourceLateInitialized: reconciler.RecordName(b, name),
	}

	if o.ResourceUpToDate {
		setAvailable(b)
	}

	return o, nil
}

// examine finds out what is amiss with a bucket that exists.
func (e *external) examine(ctx context.Context, b *miniov1alpha1.Bucket, routine bool) error {
	var err error
	if e.found.amiss, err = differences(b, e.found.settings); err != nil {
		return err
	}

	if e.found.amiss, err = e.stillManaged(ctx, b, e.found.amiss); err != nil {
		return err
	}

	// If it is the resource's, it was understood.
	v, _ := e.found.settings.versioning()
	b.Status.AtProvider.Versioning = miniov1alpha1.VersioningState(v)

	if due := e.glances.uploadsDue(b, e.now()); due || !routine {
		e.found.stale, err = staleUploads(ctx, e.s3, b, e.now())
	}

	return err
}

// stillManaged leaves out the settings that were undone a moment ago, which a cache
// that lags behind does not know yet: by now they may be an administrator's.
func (e *external) stillManaged(ctx context.Context, b *miniov1alpha1.Bucket, amiss []setting) ([]setting, error) {
	undone := func(s setting) bool {
		_, set := s.want(&b.Spec.ForProvider)

		return !set
	}
	if !slices.ContainsFunc(amiss, undone) {
		return amiss, nil
	}

	live := &miniov1alpha1.Bucket{}
	if err := e.live.Get(ctx, client.ObjectKeyFromObject(b), live); err != nil {
		return nil, errors.Wrapf(err, "cannot read which settings of bucket %q are managed", Name(b))
	}

	return slices.DeleteFunc(amiss, func(s setting) bool {
		return undone(s) && !slices.Contains(live.Status.AtProvider.ManagedSettings, s.field)
	}), nil
}

// Create makes the bucket. Its settings are for Update, in the reconcile that
// follows at once.
func (e *external) Create(ctx context.Context, b *miniov1alpha1.Bucket) (managed.ExternalCreation, error) {
	name := Name(b)
	o := miniogo.MakeBucketOptions{ObjectLocking: b.Spec.ForProvider.ObjectLocking}

	if b.Spec.ForProvider.Region != nil {
		o.Region = *b.Spec.ForProvider.Region
	}

	err := e.s3.MakeBucket(ctx, name, o)
	if err == nil || !minio.IsClientError(err) {
		// The bucket was made, or may have been; see reconciler.Owns.
		meta.SetExternalName(b, name)
	}

	if minio.IsWrongRegion(err) {
		return managed.ExternalCreation{}, errors.Errorf("cannot make bucket %q in region %q, which is not the server's: correct spec.forProvider.region, or leave it out", name, o.Region)
	}

	return managed.ExternalCreation{}, errors.Wrapf(err, "cannot make bucket %q", name)
}

// Update writes the settings that Observe found amiss, and no others. One that
// the server refuses keeps none of the others from being written, or from being
// remembered as the resource's. The next look may be a poll away, so Update says
// itself that the bucket is in order.
func (e *external) Update(ctx context.Context, b *miniov1alpha1.Bucket) (managed.ExternalUpdate, error) {
	if !e.found.exists {
		return managed.ExternalUpdate{}, reconciler.NotCreatable("bucket", Name(b))
	}

	var failed []error

	c := clients{s3: e.s3, admin: e.admin}
	fields := wanted(&b.Spec.ForProvider)

	for _, s := range e.found.amiss {
		if err := s.apply(ctx, c, b); err != nil {
			failed = append(failed, err)
			fields = asBefore(fields, b.Status.AtProvider.ManagedSettings, s.field)
		}
	}

	if err := abortUploads(ctx, e.s3, Name(b), e.found.stale); err != nil {
		failed = append(failed, err)
	}

	if len(failed) > 0 {
		b.Status.AtProvider.ManagedSettings = fields

		return managed.ExternalUpdate{}, errors.Join(failed...)
	}

	setAvailable(b)

	return managed.ExternalUpdate{}, nil
}

// Disconnect does nothing: the client is shared.
func (e *external) Disconnect(context.Context) error { return nil }

// setAvailable says that the bucket is there and in order, and which of its
// settings are the resource's.
func setAvailable(b *miniov1alpha1.Bucket) {
	b.Status.AtProvider.ManagedSettings = wanted(&b.Spec.ForProvider)
	if v := b.Spec.ForProvider.Versioning; v != nil {
		b.Status.AtProvider.Versioning = *v
	}

	b.SetConditions(xpv1.Available())
}

// admin is what is needed of an administration client. None of it is encrypted.
type admin interface {
	AccountInfo(ctx context.Context, o madmin.AccountOpts) (madmin.AccountInfo, error)
	SetBucketQuota(ctx context.Context, bucket string, q *madmin.BucketQuota) error
}
