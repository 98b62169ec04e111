package bucket

import (
	"testing"
	"time"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestPollInterval wants a poll that the oldest snapshot answers to find what changed
// within the drift interval.
func TestPollInterval(t *testing.T) {
	if got, want := pollInterval(time.Hour)+time.Hour/SnapshotShare, time.Hour; got > want {
		t.Errorf("What changed right after a snapshot is found after %s, want %s", got, want)
	}
}

// TestPolls looks at a Bucket whose server has looks at all buckets, too.
func TestPolls(t *testing.T) {
	settled := newBucket()
	settled.Generation = 1
	settled.ResourceVersion = "1"
	settled.Spec.ForProvider.Tags = map[string]string{"team": "a"}
	meta.SetExternalName(settled, "photos")
	settled.SetConditions(xpv1.Available(), xpv1.ReconcileSuccess().WithObservedGeneration(1))

	fine := settings{fileTags: []byte("<Tagging><TagSet><Tag><Key>team</Key><Value>a</Value></Tag></TagSet></Tagging>")}

	cases := map[string]struct {
		reason string
		look   settings
		has    settings
		change func(*miniov1alpha1.Bucket)
		// asked is how often the server was asked about this bucket.
		asked int
		want  bool
	}{
		"Fine": {
			reason: "A look that finds nothing amiss is enough.",
			look:   fine, has: fine, want: true,
		},
		"NoLook": {
			reason: "Without one the server is asked.",
			has:    fine, asked: 1, want: true,
		},
		"Old": {
			reason: "What a look finds amiss may be mended since.",
			look:   settings{}, has: fine, asked: 1, want: true,
		},
		"Drift": {
			reason: "What is amiss is found.",
			look:   settings{}, has: settings{}, asked: 1,
		},
		"Changed": {
			reason: "A resource that was changed is not polled, but looked at.",
			look:   fine, has: settings{}, asked: 1,
			change: func(b *miniov1alpha1.Bucket) { b.Generation = 2 },
		},
		"Touched": {
			reason: "And so is one that somebody touched since the last look.",
			look:   fine, has: settings{}, asked: 1,
			change: func(b *miniov1alpha1.Bucket) { b.ResourceVersion = "2" },
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := settled.DeepCopy()

			g := newGlances()
			g.looked(b)

			if tc.change != nil {
				tc.change(b)
			}

			f := &fakeServer{t: t, look: tc.look, has: tc.has}
			e := &external{s3: f, admin: f, server: f, all: f, live: stored{bucket: b}, glances: g, now: time.Now}

			o, err := e.Observe(t.Context(), b)
			if err != nil || o.ResourceUpToDate != tc.want || f.asked != tc.asked {
				t.Errorf("%s\nObserve(...): want up to date: %t, asked %d times, got %t, %d, %v", tc.reason, tc.want, tc.asked, o.ResourceUpToDate, f.asked, err)
			}
		})
	}
}

// TestUploadsAreListedOnceAnHour polls a Bucket that gives up incomplete uploads.
func TestUploadsAreListedOnceAnHour(t *testing.T) {
	now := time.Now()
	g, b := newGlances(), newBucket()

	for _, step := range []struct {
		after time.Duration
		want  bool
	}{{want: true}, {after: uploadsInterval / 2}, {after: uploadsInterval / 2, want: true}} {
		now = now.Add(step.after)
		if got := g.uploadsDue(b, now); got != step.want {
			t.Errorf("uploadsDue(...) after another %s: want %t, got %t", step.after, step.want, got)
		}
	}
}
