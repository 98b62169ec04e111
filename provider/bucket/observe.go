package bucket

import (
	"context"
	"slices"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// uploadsInterval is how often polls list incomplete uploads. The rules that abort them
// count in days.
const uploadsInterval = time.Hour

// memory is what the provider remembers of a Bucket between reconciles.
type memory struct {
	// lastObservation is the resource version that was last observed; empty if none
	// was since the provider started.
	lastObservation string
	// uploadsListed is when a reconcile last listed the incomplete uploads.
	uploadsListed time.Time
	// purge is the current or last run through a bucket with object locking that is
	// being purged.
	purge purgeRun
}

// observation is the state of a bucket, and how that differs from the desired state.
type observation struct {
	exists   bool
	metadata metadata
	drift    drift
	// stale are the incomplete uploads to abort.
	stale []miniogo.ObjectMultipartInfo
}

// Observe makes one call, which shows whether the bucket exists and all of its settings,
// and a second one for a bucket whose lifecycle rules abort incomplete uploads. In polls,
// a snapshot of all buckets can replace the first call, and the second is made once an
// hour.
func (e *external) Observe(ctx context.Context, b *miniov1alpha1.Bucket) (managed.ExternalObservation, error) {
	name := Name(b)

	if err := CheckName(name); err != nil {
		if meta.WasDeleted(b) {
			return managed.ExternalObservation{}, nil
		}

		return managed.ExternalObservation{}, errors.Errorf("%q cannot be the name of a bucket: %v: choose another name, or set the annotation %s",
			name, err, meta.AnnotationKeyExternalName)
	}

	poll := e.isPoll(b)

	m, err := e.observeMetadata(ctx, b, poll)
	if minio.IsNotFound(err) {
		return managed.ExternalObservation{}, nil
	}

	if err != nil {
		return managed.ExternalObservation{}, errors.Wrapf(err, "cannot read bucket %q", name)
	}

	if !reconciler.Owns(b) {
		return managed.ExternalObservation{}, reconciler.NotOwned(b, "bucket", name)
	}

	e.observed = observation{exists: true, metadata: m}

	if meta.WasDeleted(b) {
		return managed.ExternalObservation{ResourceExists: true}, nil
	}

	if err := e.compare(ctx, b, poll); err != nil {
		return managed.ExternalObservation{}, err
	}

	e.memories.Of(b).lastObservation = b.GetResourceVersion()

	o := managed.ExternalObservation{
		ResourceExists:          true,
		ResourceUpToDate:        len(e.observed.drift) == 0 && len(e.observed.stale) == 0,
		ResourceLateInitialized: reconciler.RecordName(b, name),
	}

	if o.ResourceUpToDate {
		setAvailable(b)
	}

	return o, nil
}

// isPoll reports whether nothing but time caused this reconcile: the Bucket is Ready
// and Synced and unchanged since it was last observed, which may have been before a
// restart.
func (e *external) isPoll(b *miniov1alpha1.Bucket) bool {
	last := e.memories.Of(b).lastObservation

	return reconciler.Settled(b) && (last == "" || last == b.GetResourceVersion())
}

// observeMetadata returns the metadata of a bucket. A snapshot suffices for a poll if
// it shows no drift. Otherwise the server is asked about this bucket: what a snapshot
// shows may have been corrected since.
func (e *external) observeMetadata(ctx context.Context, b *miniov1alpha1.Bucket, poll bool) (metadata, error) {
	if poll {
		if files, found := e.server.BucketSnapshot(ctx, isSettingFile)[Name(b)]; found {
			if d, err := drifted(b, metadata(files)); err == nil && len(d) == 0 {
				return metadata(files), nil
			}
		}
	}

	return readMetadata(ctx, e.server, Name(b))
}

// compare completes the observation of a bucket that exists: it compares the bucket
// with the spec, and finds stale uploads.
func (e *external) compare(ctx context.Context, b *miniov1alpha1.Bucket, poll bool) error {
	if err := e.checkLocking(ctx, b); err != nil {
		return err
	}

	d, err := drifted(b, e.observed.metadata)
	if err != nil {
		return err
	}

	if e.observed.drift, err = e.withoutUndone(ctx, b, d); err != nil {
		return err
	}

	// A state that cannot be parsed is an error above if the resource manages it, and
	// is shown as empty otherwise.
	v, _ := e.observed.metadata.versioning()
	b.Status.AtProvider.Versioning = miniov1alpha1.VersioningState(v)

	memory := e.memories.Of(b)
	if poll && e.now().Sub(memory.uploadsListed) < uploadsInterval {
		return nil
	}

	memory.uploadsListed = e.now()
	e.observed.stale, err = staleUploads(ctx, e.s3, b, e.now())

	return err
}

// withoutUndone returns the drift without the settings that an earlier reconcile has
// undone already. The Bucket was read from a cache, which may lag behind and still list
// them as managed; if the bucket has them now, an administrator has set them since.
func (e *external) withoutUndone(ctx context.Context, b *miniov1alpha1.Bucket, d drift) (drift, error) {
	toUndo := func(s setting) bool { return !s.isSet(&b.Spec.ForProvider) }
	if !slices.ContainsFunc(d, toUndo) {
		return d, nil
	}

	live := &miniov1alpha1.Bucket{}
	if err := e.live.Get(ctx, client.ObjectKeyFromObject(b), live); err != nil {
		return nil, errors.Wrapf(err, "cannot read which settings of bucket %q are managed", Name(b))
	}

	return slices.DeleteFunc(d, func(s setting) bool {
		return toUndo(s) && !slices.Contains(live.Status.AtProvider.ManagedSettings, s.field)
	}), nil
}
