package bucket

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	miniogo "github.com/minio/minio-go/v7"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// newSettledBucket returns a Bucket that is Ready and Synced.
func newSettledBucket() *miniov1alpha1.Bucket {
	b := newBucket()
	b.Generation = 1
	b.ResourceVersion = "1"
	meta.SetExternalName(b, "photos")
	b.SetConditions(xpv1.Available(), xpv1.ReconcileSuccess().WithObservedGeneration(1))

	return b
}

// TestPollUsesSnapshot observes a Bucket on a server that has a snapshot of all buckets.
func TestPollUsesSnapshot(t *testing.T) {
	settled := newSettledBucket()
	settled.Spec.ForProvider.Tags = map[string]string{"team": "a"}

	tagged := metadata{fileTags: []byte("<Tagging><TagSet><Tag><Key>team</Key><Value>a</Value></Tag></TagSet></Tagging>")}
	untagged := metadata{}

	cases := map[string]struct {
		reason   string
		snapshot metadata
		metadata metadata
		change   func(*miniov1alpha1.Bucket)
		// exports is how often the server is asked about this bucket.
		exports  int
		upToDate bool
	}{
		"NoDrift": {
			reason:   "A snapshot without drift answers a poll.",
			snapshot: tagged, metadata: tagged, upToDate: true,
		},
		"NoSnapshot": {
			reason:   "Without a snapshot, the server is asked about this bucket.",
			metadata: tagged, exports: 1, upToDate: true,
		},
		"OldSnapshot": {
			reason:   "Drift in a snapshot may have been corrected since.",
			snapshot: untagged, metadata: tagged, exports: 1, upToDate: true,
		},
		"Drift": {
			reason:   "Drift in a snapshot that persists is found.",
			snapshot: untagged, metadata: untagged, exports: 1,
		},
		"NewGeneration": {
			reason:   "After a change of the spec, the server is asked about this bucket.",
			snapshot: tagged, metadata: untagged, exports: 1,
			change: func(b *miniov1alpha1.Bucket) { b.Generation = 2 },
		},
		"NewVersion": {
			reason:   "So it is after any other change since the last observation, such as an annotation.",
			snapshot: tagged, metadata: untagged, exports: 1,
			change: func(b *miniov1alpha1.Bucket) { b.ResourceVersion = "2" },
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := settled.DeepCopy()
			f := &fakeServer{t: t, snapshot: tc.snapshot, metadata: tc.metadata}

			e := newExternal(f, b)
			e.memories.Of(b).lastObservation = b.ResourceVersion

			if tc.change != nil {
				tc.change(b)
			}

			o, err := e.Observe(t.Context(), b)
			if err != nil || o.ResourceUpToDate != tc.upToDate || f.exports != tc.exports {
				t.Errorf("%s\nObserve(...): want up to date: %t, %d exports, got %t, %d, %v",
					tc.reason, tc.upToDate, tc.exports, o.ResourceUpToDate, f.exports, err)
			}
		})
	}
}

// TestUploadsAreListedOnceAnHour polls a Bucket whose bucket has a stale upload.
func TestUploadsAreListedOnceAnHour(t *testing.T) {
	clock := time.Now()
	b := newSettledBucket()
	b.Spec.ForProvider.Lifecycle = []miniov1alpha1.LifecycleRule{{AbortIncompleteUploadsAfterDays: new(int32(1))}}

	f := &fakeServer{
		t: t, clock: &clock, metadata: metadata{},
		uploads: []miniogo.ObjectMultipartInfo{{Key: "a", Initiated: clock.AddDate(0, 0, -2)}},
	}
	e := newExternal(f, b)

	for _, step := range []struct {
		wait time.Duration
		want bool
	}{{want: true}, {wait: uploadsInterval / 2}, {wait: uploadsInterval / 2, want: true}} {
		clock = clock.Add(step.wait)

		o, err := e.Observe(t.Context(), b)
		if err != nil || o.ResourceUpToDate == step.want {
			t.Errorf("Observe(...) after another %s: want the stale upload to be found: %t, got up to date: %t, %v",
				step.wait, step.want, o.ResourceUpToDate, err)
		}
	}
}

// TestWithoutUndone observes a Bucket through a cache that may not have the last status
// yet, in which its tags are no longer managed: tags that the bucket has now are an
// administrator's.
func TestWithoutUndone(t *testing.T) {
	cached, live := newBucket(), newBucket()
	cached.Status.AtProvider.ManagedSettings = []string{"tags"}

	cases := map[string]struct {
		reason string
		live   *miniov1alpha1.Bucket
		want   []string
	}{
		"Current": {reason: "Tags that the resource manages are undone.", live: cached, want: []string{"tags"}},
		"Lagging": {reason: "Tags that were undone already are left alone.", live: live},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := newExternal(&fakeServer{t: t}, tc.live)

			got, err := e.withoutUndone(t.Context(), cached, drift{bucketTags})
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(tc.want, fieldsOf(got), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\nwithoutUndone(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
