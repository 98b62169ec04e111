// Package bucket manages buckets of MinIO servers: it observes, creates, updates and
// deletes the bucket of a Bucket resource.
package bucket

import (
	"context"
	"io"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"k8s.io/apimachinery/pkg/util/sets"
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

// SnapshotShare bounds the age of a snapshot that may answer a poll: it is at most the
// drift interval divided by SnapshotShare. See minio.WithSnapshots.
const SnapshotShare = 5

// Kind returns the wiring of Bucket resources. Each Bucket that changed yields is
// reconciled at once, not only at its next poll.
func Kind(changed <-chan event.GenericEvent) controller.Kind[*miniov1alpha1.Bucket] {
	memories := reconciler.NewMemory[memory]()

	return controller.Kind[*miniov1alpha1.Bucket]{
		GVK:    miniov1alpha1.BucketKind,
		Object: &miniov1alpha1.Bucket{},
		List:   &miniov1alpha1.BucketList{},
		Client: func(kube controller.Kube, srv *minio.Server) managed.TypedExternalClient[*miniov1alpha1.Bucket] {
			return &external{
				s3: newS3(srv), admin: srv.Admin, server: srv,
				live: kube.Live, memories: memories, now: time.Now,
			}
		},
		PollInterval: pollInterval,
		Forget:       memories.Forget,
		Leave: func(ctx context.Context, srv *minio.Server, b *miniov1alpha1.Bucket) error {
			return leave(ctx, srv.S3(), b)
		},
		Wake: changed,
	}
}

// pollInterval returns the drift interval less the age that a snapshot may have: a poll
// that is answered from the oldest snapshot then still finds drift within the interval.
func pollInterval(drift time.Duration) time.Duration { return drift - drift/SnapshotShare }

// s3 is the part of the S3 client that this package uses. Each file that needs further
// methods declares them in an interface of its own.
type s3 interface {
	settingsS3
	purgeS3

	MakeBucket(ctx context.Context, bucket string, o miniogo.MakeBucketOptions) error
	RemoveBucket(ctx context.Context, bucket string) error
}

// admin is the part of MinIO's administration client that this package uses. The payload
// of its call is not encrypted.
type admin interface {
	SetBucketQuota(ctx context.Context, bucket string, q *madmin.BucketQuota) error
}

// metadataServer is the part of minio.Server that reads the metadata of one bucket, or a
// snapshot of the metadata of all buckets, and what buckets hold.
type metadataServer interface {
	usageServer

	ExportBucketMetadata(ctx context.Context, bucket string) (io.ReadCloser, error)
	BucketSnapshot(ctx context.Context, keep func(file string) bool) map[string]minio.BucketFiles
}

// external manages the buckets of one server. The runtime connects anew for each
// reconcile, so an external serves one reconcile of one Bucket.
type external struct {
	s3     s3
	admin  admin
	server metadataServer
	// live reads from the API server, not from the cache.
	live     client.Reader
	memories *reconciler.Memory[memory]
	now      func() time.Time

	// observed is set by Observe, for Update and Delete.
	observed observation
}

// Name returns the name of b's bucket on the server.
func Name(b *miniov1alpha1.Bucket) string {
	if n := meta.GetExternalName(b); n != "" {
		return n
	}

	return b.GetName()
}

// CheckName returns an error if a bucket cannot have this name. The server would take
// some of these names for paths of its own files.
func CheckName(name string) error { return s3utils.CheckValidBucketNameStrict(name) }

// Create makes the bucket. Update writes its settings, in the reconcile that follows at
// once.
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
		return managed.ExternalCreation{}, errors.Errorf("cannot make bucket %q in region %q, which is not the server's: "+
			"correct spec.forProvider.region, or leave it out", name, o.Region)
	}

	return managed.ExternalCreation{}, errors.Wrapf(err, "cannot make bucket %q", name)
}

// Update writes or undoes the settings that drifted, and no others, and aborts stale
// uploads. If one setting fails, Update still applies the others and records which settings
// are managed. The next observation may be a whole poll interval away, so Update itself
// sets the condition Ready.
func (e *external) Update(ctx context.Context, b *miniov1alpha1.Bucket) (managed.ExternalUpdate, error) {
	if !e.observed.exists {
		return managed.ExternalUpdate{}, reconciler.NotCreatable("bucket", Name(b))
	}

	var failed []error

	c := e.clients()
	managedSettings := sets.New(b.Status.AtProvider.ManagedSettings...)

	for _, s := range allSettings() {
		if e.observed.drift.includes(s) {
			if err := s.apply(ctx, c, b); err != nil {
				failed = append(failed, err)

				continue // The record of this setting stays as it is.
			}
		}

		if s.isSet(&b.Spec.ForProvider) {
			managedSettings.Insert(s.field)
		} else {
			managedSettings.Delete(s.field)
		}
	}

	b.Status.AtProvider.ManagedSettings = sets.List(managedSettings)

	if err := abortUploads(ctx, e.s3, Name(b), e.observed.stale); err != nil {
		failed = append(failed, err)
	}

	if len(failed) > 0 {
		return managed.ExternalUpdate{}, errors.Join(failed...)
	}

	setAvailable(b)

	return managed.ExternalUpdate{}, nil
}

// clients returns the clients that settings are written with.
func (e *external) clients() clients { return clients{s3: e.s3, admin: e.admin, server: e.server} }

// Disconnect does nothing: all reconciles share the server's client.
func (e *external) Disconnect(context.Context) error { return nil }

// setAvailable sets the condition Ready and records that the bucket has all desired
// settings.
func setAvailable(b *miniov1alpha1.Bucket) {
	b.Status.AtProvider.ManagedSettings = wanted(&b.Spec.ForProvider)
	if v := b.Spec.ForProvider.Versioning; v != nil {
		b.Status.AtProvider.Versioning = *v
	}

	reconciler.SetConditions(b, xpv1.Available())
}
