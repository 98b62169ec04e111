package bucket

import (
	"context"
	"fmt"
	"iter"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

const (
	// purgeTime bounds how long one reconcile deletes objects. The next reconcile
	// continues with the rest.
	purgeTime = 20 * time.Second

	// purgeInterval is how often the provider goes through a bucket in which
	// everything is locked. Each run lists every version and tries to delete it, and
	// locks may last for years. Between the runs, the lock of one object is checked.
	purgeInterval = time.Hour
)

// purgeS3 is the part of the S3 client that lists what a bucket holds and deletes it.
type purgeS3 interface {
	uploadsS3
	contentsS3

	RemoveBucketWithOptions(ctx context.Context, bucket string, o miniogo.RemoveBucketOptions) error
	RemoveObjectsWithIter(ctx context.Context, bucket string, objects iter.Seq[miniogo.ObjectInfo], o miniogo.RemoveObjectsOptions) (iter.Seq[miniogo.RemoveObjectResult], error)
	GetObjectRetention(ctx context.Context, bucket, object, versionID string) (*miniogo.RetentionMode, *time.Time, error)
}

// purgeRun is one run through a bucket whose versions are deleted one by one, from its first
// object to its last, in one step or more. Each step is one reconcile.
type purgeRun struct {
	// whole reports whether the run began at the first object. One that began before a
	// restart continues without its earlier steps.
	whole bool

	removed, locked int64
	// example is the first object that is locked, and lock describes its lock.
	example miniogo.ObjectInfo
	lock    string

	// next is the earliest time of the next run; zero if it may begin at once.
	next time.Time
}

// purgeStep is the result of one step.
type purgeStep struct {
	removed, locked int64
	// example is the first object that is locked.
	example miniogo.ObjectInfo
	// upTo is the last object of a step that ran out of time; empty if the step reached
	// the end of the bucket.
	upTo string
}

// with returns the run including a further step, which began after an object; empty
// stands for the beginning of the bucket, where a new run begins.
func (r purgeRun) with(step purgeStep, after string) purgeRun {
	if after == "" {
		r = purgeRun{whole: true, lock: r.lock}
	}

	if r.locked == 0 {
		r.example = step.example
	}

	r.removed += step.removed
	r.locked += step.locked

	return r
}

// purge removes a bucket without object locking, and everything in it, in one call. The
// server moves all of it aside at once, whatever its size. It does not do so with a bucket
// that it replicates, whose versions are deleted one by one.
func (e *external) purge(ctx context.Context, b *miniov1alpha1.Bucket) error {
	name := Name(b)

	if err := e.purgeUploads(ctx, name); err != nil {
		return err
	}

	err := e.s3.RemoveBucketWithOptions(ctx, name, miniogo.RemoveBucketOptions{ForceDelete: true})

	switch {
	case minio.IsNotFound(err):
		return nil
	case minio.IsForceDeleteDenied(err):
		return e.purgeVersions(ctx, b)
	}

	return errors.Wrapf(err, "cannot purge bucket %q", name)
}

// purgeUploads aborts as many incomplete uploads as the server lists in one call. The
// server itself aborts those of a bucket that no longer exists.
func (e *external) purgeUploads(ctx context.Context, name string) error {
	all, err := e.s3.ListMultipartUploads(ctx, name, "", "", "", "", maxUploads)
	if minio.IsNotFound(err) {
		return nil
	}

	if err != nil {
		return errors.Wrapf(err, "cannot list the incomplete uploads to bucket %q", name)
	}

	return abortUploads(ctx, e.s3, name, all.Uploads)
}

// purgeVersions empties a bucket with object locking, or one that is replicated, version by
// version, and removes it once it is empty. It never deletes a locked version. One call makes
// one step; after a run that found nothing but locked versions, it waits before the next run.
func (e *external) purgeVersions(ctx context.Context, b *miniov1alpha1.Bucket) error {
	name, run := Name(b), &e.memories.Of(b).purge

	if e.now().Before(run.next) {
		// Reading one lock takes one call; reading all would take one for each object.
		if lock, _ := e.readLock(ctx, name, run.example); lock == run.lock {
			return purgeBlocked(b, run)
		}
	}

	if err := e.purgeUploads(ctx, name); err != nil {
		return err
	}

	status := &b.Status.AtProvider
	after := status.PurgedUpTo

	step, err := e.removeVersions(ctx, name, after)
	status.Purged += step.removed
	status.PurgedUpTo = step.upTo

	if err != nil {
		*run = purgeRun{}

		return err
	}

	*run = run.with(step, after)

	if step.upTo != "" || !run.whole {
		// After the end of a run that was not whole, the next step begins a new run,
		// which sees what was locked.
		reconciler.SetConditions(b, miniov1alpha1.Purging(fmt.Sprintf("%d objects and versions deleted so far", status.Purged)))

		return nil
	}

	if run.locked == 0 {
		return e.remove(ctx, name)
	}

	lock, until := e.readLock(ctx, name, run.example)
	// What looks like a legal hold may be a lock that was lifted during the run. Another run
	// finds out.
	known := !until.IsZero() || lock == run.lock
	run.lock = lock

	if run.removed == 0 && known {
		run.next = nextRun(e.now(), until)
	}

	return purgeBlocked(b, run)
}

// nextRun returns when the next run through a bucket may begin: in an hour, or earlier
// if the lock of the example ends earlier. The time is zero if that is unknown.
func nextRun(now, lockedUntil time.Time) time.Time {
	next := now.Add(purgeInterval)
	if !lockedUntil.IsZero() && lockedUntil.Before(next) {
		return lockedUntil
	}

	return next
}

// purgeBlocked sets the condition Purging and returns the error of a bucket that cannot
// be purged because all that it still holds is locked.
func purgeBlocked(b *miniov1alpha1.Bucket, run *purgeRun) error {
	text := fmt.Sprintf("%d objects or versions are locked, such as %q %s", run.locked, run.example.Key, run.lock)
	reconciler.SetConditions(b, miniov1alpha1.Purging(text))

	return errors.Errorf("cannot purge bucket %q: %s; it is removed once these locks end", Name(b), text)
}

// removeVersions deletes the versions of all objects after the given one, except locked
// ones, until the bucket ends or the time is over. It gets past at least one object.
func (e *external) removeVersions(ctx context.Context, name, after string) (purgeStep, error) {
	var (
		step   purgeStep
		last   string
		listed error
	)

	end := e.now().Add(purgeTime)

	versions := func(yield func(miniogo.ObjectInfo) bool) {
		for v := range e.s3.ListObjectsIter(ctx, name, miniogo.ListObjectsOptions{Recursive: true, WithVersions: true, StartAfter: after}) {
			if v.Err != nil {
				listed = v.Err
				return
			}

			if e.now().After(end) && last != "" {
				step.upTo = last
				return
			}

			last = v.Key

			if !yield(v) {
				return
			}
		}
	}

	results, err := e.s3.RemoveObjectsWithIter(ctx, name, versions, miniogo.RemoveObjectsOptions{})
	if err != nil {
		return step, errors.Wrapf(err, "cannot purge bucket %q", name)
	}

	var failed error

	for r := range results {
		switch {
		case r.Err == nil:
			step.removed++
		case minio.IsLocked(r.Err):
			if step.locked == 0 {
				step.example = miniogo.ObjectInfo{Key: r.ObjectName, VersionID: r.ObjectVersionID}
			}

			step.locked++
		default:
			failed = r.Err
		}
	}

	if failed == nil {
		failed = listed
	}

	return step, errors.Wrapf(failed, "cannot purge bucket %q", name)
}

// readLock returns a description of the lock of an object, and when it ends; zero if
// that is unknown.
func (e *external) readLock(ctx context.Context, bucket string, o miniogo.ObjectInfo) (lock string, until time.Time) {
	mode, t, err := e.s3.GetObjectRetention(ctx, bucket, o.Key, o.VersionID)

	switch {
	case minio.IsNotRetained(err):
		return "(legal hold)", time.Time{}
	case err != nil || mode == nil || t == nil:
		return "(until an unknown time)", time.Time{}
	}

	return fmt.Sprintf("(%s until %s)", *mode, t.UTC().Format(time.RFC3339)), *t
}
