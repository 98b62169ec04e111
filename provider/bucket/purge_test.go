package bucket

import (
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// newLockingServer returns a server whose bucket has object locking and holds objects
// with these keys.
func newLockingServer(t *testing.T, clock *time.Time, keys ...string) *fakeServer {
	t.Helper()

	f := &fakeServer{t: t, clock: clock, metadata: metadata{fileLocking: files()[fileLocking]}}
	for _, key := range keys {
		f.objects = append(f.objects, miniogo.ObjectInfo{Key: key, IsLatest: true})
	}

	return f
}

// newPurgedBucket returns a deleted Bucket that is to be purged.
func newPurgedBucket() *miniov1alpha1.Bucket {
	b := newBucket()
	meta.SetExternalName(b, b.Name)
	b.DeletionTimestamp = new(metav1.Now())
	b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge

	return b
}

// purgeStepOf reconciles a Bucket that is to be purged once.
func purgeStepOf(t *testing.T, e *external, b *miniov1alpha1.Bucket) error {
	t.Helper()

	_, err := e.Observe(t.Context(), b)
	if err == nil {
		_, err = e.Delete(t.Context(), b)
	}

	return err
}

// TestPurgeDoesNotStarve expects a purge whose steps spend all their time on locked
// objects to delete the objects after them too, also if the provider restarts after each
// step, and to report the locks in the end.
func TestPurgeDoesNotStarve(t *testing.T) {
	clock := time.Now()
	f, b := newLockingServer(t, &clock, "a", "b", "c", "d"), newPurgedBucket()
	f.locked = map[string]bool{"a": true, "b": true}
	f.slowness = purgeTime - time.Second

	var err error

	for range 10 {
		err = purgeStepOf(t, newExternal(f, b), b)

		if len(f.objects) == 2 {
			f.slowness = 0
		}
	}

	if len(f.objects) != 2 || err == nil || !strings.Contains(err.Error(), "2 objects or versions are locked") {
		t.Errorf("want the locked objects to be kept and reported, got %d objects, %v", len(f.objects), err)
	}
}

// TestPurgeWaitsForLocks expects the provider not to go through a bucket again in which
// everything is locked until a lock may have ended.
func TestPurgeWaitsForLocks(t *testing.T) {
	begin := time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)

	cases := map[string]struct {
		reason string
		// slowness makes a run take more than one step.
		slowness    time.Duration
		lockedUntil time.Time
		// wait is the time after the first run.
		wait     time.Duration
		override bool
		// again reports whether a second run is expected.
		again bool
	}{
		"Soon": {
			reason: "Objects that were locked a moment ago are still locked.",
		},
		"Steps": {
			reason:   "A run of many steps counts as one.",
			slowness: purgeTime - time.Second,
		},
		"Hour": {
			reason: "After an hour, locks of other objects than the example may have ended.",
			wait:   purgeInterval, again: true,
		},
		"Over": {
			reason:      "The example's lock has ended.",
			lockedUntil: begin.Add(2 * time.Minute), wait: 3 * time.Minute, again: true,
		},
		"Overridden": {
			reason:   "An administrator changed the example's lock.",
			override: true, again: true,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			clock := begin
			f, b := newLockingServer(t, &clock, "a", "b", "c"), newPurgedBucket()
			f.locked = map[string]bool{"a": true, "b": true, "c": true}
			f.slowness, f.lockedUntil = tc.slowness, tc.lockedUntil
			e := newExternal(f, b)

			var first error
			for range 5 {
				if first = purgeStepOf(t, e, b); first != nil {
					break
				}
			}

			if first == nil || !strings.Contains(first.Error(), "3 objects or versions are locked") {
				t.Fatalf("%s\nwant the locks to be reported, got %v", tc.reason, first)
			}

			listings := f.listings
			clock = clock.Add(tc.wait)

			if tc.override {
				f.lockedUntil = begin.AddDate(0, 0, 7)
			}

			second := purgeStepOf(t, e, b)
			if (f.listings > listings) != tc.again {
				t.Errorf("%s\nwant another run: %t, got %d listings", tc.reason, tc.again, f.listings-listings)
			}

			if tc.again {
				return
			}

			if second == nil || second.Error() != first.Error() {
				t.Errorf("%s\nwant the same error again, got %v", tc.reason, second)
			}

			if c := b.GetCondition(miniov1alpha1.ConditionPurging); !strings.Contains(c.Message, "3 objects or versions are locked") {
				t.Errorf("%s\nwant the condition to report the locks again, got %s", tc.reason, c.Message)
			}
		})
	}
}

// TestPurgeNoticesLiftedLock expects a lock that is lifted during a run not to count as a
// legal hold, for which the next run would wait an hour.
func TestPurgeNoticesLiftedLock(t *testing.T) {
	clock := time.Now()
	f, b := newLockingServer(t, &clock, "a"), newPurgedBucket()
	f.locked, f.lifted = map[string]bool{"a": true}, true
	e := newExternal(f, b)

	if err := purgeStepOf(t, e, b); err == nil {
		t.Fatal("want the lock to be reported")
	}

	if err := purgeStepOf(t, e, b); err != nil || len(f.objects) > 0 {
		t.Errorf("want the object to be deleted at once, got %v, %d objects", err, len(f.objects))
	}
}
