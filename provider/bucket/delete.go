package bucket

import (
	"context"
	"fmt"
	"iter"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// purgeStep bounds how long one reconcile deletes objects. What is left is for
// the next one, which begins anew with what is there.
const purgeStep = 20 * time.Second

// purgeS3 is what is needed to look into a bucket and to empty it.
type purgeS3 interface {
	uploadsS3
	lookS3

	RemoveBucketWithOptions(ctx context.Context, bucket string, o miniogo.RemoveBucketOptions) error
	RemoveObjectsWithIter(ctx context.Context, bucket string, objects iter.Seq[miniogo.ObjectInfo], o miniogo.RemoveObjectsOptions) (iter.Seq[miniogo.RemoveObjectResult], error)
	GetObjectRetention(ctx context.Context, bucket, object, versionID string) (*miniogo.RetentionMode, *time.Time, error)
}

// Delete removes the bucket: if it is empty, or after everything in it.
func (e *external) Delete(ctx context.Context, b *miniov1alpha1.Bucket) (managed.ExternalDelete, error) {
	b.SetConditions(xpv1.Deleting())

	var err error

	switch {
	case b.Spec.ForProvider.WhenNotEmpty != miniov1alpha1.WhenNotEmptyPurge:
		err = e.removeEmpty(ctx, Name(b))
	case e.found.settings.locking():
		err = e.purgeLocked(ctx, b)
	default:
		err = e.purge(ctx, Name(b))
	}

	return managed.ExternalDelete{}, err
}

// removeEmpty removes a bucket that holds nothing. The server itself does not
// look for incomplete uploads.
func (e *external) removeEmpty(ctx context.Context, name string) error {
	left, err := look(ctx, e.s3, name)
	if minio.IsNotFound(err) {
		return nil
	}

	if err != nil {
		return err
	}

	if !left.Empty() {
		return errors.Errorf("bucket %q still holds %s: delete its objects with all their versions, and abort its incomplete uploads, and it goes too; or set spec.forProvider.whenNotEmpty to Purge, which deletes them", name, left)
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

// purge removes a bucket without object locking with everything in it, in one
// call: the server moves all of it out of the way at once, whatever its size.
func (e *external) purge(ctx context.Context, name string) error {
	if err := e.purgeUploads(ctx, name); err != nil {
		return err
	}

	err := e.s3.RemoveBucketWithOptions(ctx, name, miniogo.RemoveBucketOptions{ForceDelete: true})
	if minio.IsNotFound(err) {
		return nil
	}

	return errors.Wrapf(err, "cannot purge bucket %q", name)
}

// purgeUploads gives up as many incomplete uploads as the server lists at once.
// Those of a bucket that is gone the server gives up by itself.
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

// purgeLocked empties a bucket with object locking, one version at a time and
// never one that is locked, for as long as a step may take. Once all that is left
// is locked, it waits for that before it goes through the bucket again.
func (e *external) purgeLocked(ctx context.Context, b *miniov1alpha1.Bucket) error {
	name := Name(b)

	last := e.glances.lastPass(b)
	if e.now().Before(last.next) {
		// The locks of one object cost one call, those of all a call for each.
		if lock, _ := e.lock(ctx, name, last.example); lock == last.lock {
			return keptLocked(b, last)
		}
	}

	if err := e.purgeUploads(ctx, name); err != nil {
		return err
	}

	s := &b.Status.AtProvider
	begin := s.PurgedUpTo

	done, err := e.removeVersions(ctx, name, begin)
	s.Purged += done.removed
	s.PurgedUpTo = done.upTo

	if err != nil {
		e.glances.forgetPass(b)

		return err
	}

	p := last.with(done, begin)

	switch {
	case done.upTo != "" || !p.whole:
		// After the end the next step begins anew, and sees what was locked.
		e.glances.passed(b, p)
		b.SetConditions(miniov1alpha1.Purging(fmt.Sprintf("%d objects and versions deleted so far", s.Purged)))

		return nil
	case p.locked > 0:
		var until time.Time
		if p.lock, until = e.lock(ctx, name, p.example); p.removed == 0 {
			p.next = nextPass(e.now(), until)
		}

		e.glances.passed(b, p)

		return keptLocked(b, p)
	}

	return e.remove(ctx, name)
}

// keptLocked says what keeps a bucket that is to be purged.
func keptLocked(b *miniov1alpha1.Bucket, p pass) error {
	text := fmt.Sprintf("%d objects or versions are locked, such as %q %s", p.locked, p.example.Key, p.lock)
	b.SetConditions(miniov1alpha1.Purging(text))

	return errors.Errorf("cannot purge bucket %q: %s; the bucket goes when they can", Name(b), text)
}

// progress is how far one step came.
type progress struct {
	removed, locked int64
	// example is the first object that is locked.
	example miniogo.ObjectInfo
	// upTo is the object at which the step's time was over; empty if the step came
	// to the end.
	upTo string
}

// removeVersions deletes what is not locked, behind an object, until there is no
// more or the step's time is over.
func (e *external) removeVersions(ctx context.Context, name, after string) (progress, error) {
	var (
		p      progress
		last   string
		listed error
	)

	end := e.now().Add(purgeStep)

	versions := func(yield func(miniogo.ObjectInfo) bool) {
		for v := range e.s3.ListObjectsIter(ctx, name, miniogo.ListObjectsOptions{Recursive: true, WithVersions: true, StartAfter: after}) {
			if v.Err != nil {
				listed = v.Err
				return
			}

			if e.now().After(end) && last != "" {
				p.upTo = last
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
		return p, errors.Wrapf(err, "cannot purge bucket %q", name)
	}

	var failed error

	for r := range results {
		switch {
		case r.Err == nil:
			p.removed++
		case minio.IsLocked(r.Err):
			if p.locked == 0 {
				p.example = miniogo.ObjectInfo{Key: r.ObjectName, VersionID: r.ObjectVersionID}
			}

			p.locked++
		default:
			failed = r.Err
		}
	}

	if failed == nil {
		failed = listed
	}

	return p, errors.Wrapf(failed, "cannot purge bucket %q", name)
}

// lock says how an object is locked, and until when if that is known.
func (e *external) lock(ctx context.Context, bucket string, o miniogo.ObjectInfo) (text string, until time.Time) {
	mode, t, err := e.s3.GetObjectRetention(ctx, bucket, o.Key, o.VersionID)

	switch {
	case minio.IsNotRetained(err):
		return "(legal hold)", time.Time{}
	case err != nil || mode == nil || t == nil:
		return "(nobody can tell until when)", time.Time{}
	}

	return fmt.Sprintf("(%s until %s)", *mode, t.UTC().Format(time.RFC3339)), *t
}
