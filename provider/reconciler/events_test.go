package reconciler

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/event"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

func TestChangeRecorder(t *testing.T) {
	b := providertest.NewBucket("ClusterProviderConfig")
	another := providertest.NewBucket("ClusterProviderConfig")
	another.Name = "another"

	again := providertest.NewBucket("ClusterProviderConfig")
	again.UID = "made-again"

	warning := func(text string) event.Event { return event.Warning("CannotObserve", errors.New(text)) }

	type step struct {
		obj    *miniov1alpha1.Bucket
		event  event.Event
		later  time.Duration
		forget bool
	}

	cases := map[string]struct {
		reason string
		steps  []step
		want   []string
	}{
		"Repeated": {
			reason: "The same again is not told again.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: b, event: warning("a"), later: time.Minute}},
			want:   []string{"a"},
		},
		"Changed": {
			reason: "Each change is told.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: b, event: warning("b")}, {obj: b, event: warning("a")}},
			want:   []string{"a", "b", "a"},
		},
		"OtherReason": {
			reason: "Another reason in between does not make the same new.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: b, event: event.Normal("Created", "b")}, {obj: b, event: warning("a")}},
			want:   []string{"a", "b"},
		},
		"OtherObject": {
			reason: "Objects are told apart.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: another, event: warning("a")}},
			want:   []string{"a", "a"},
		},
		"MadeAgain": {
			reason: "An object of the same name is another one.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: again, event: warning("a")}},
			want:   []string{"a", "a"},
		},
		"HourLater": {
			reason: "The API server has forgotten by then.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: b, event: warning("a"), later: eventAge}},
			want:   []string{"a", "a"},
		},
		"Forgotten": {
			reason: "What is gone is forgotten.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: b, event: warning("a"), forget: true}},
			want:   []string{"a", "a"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, now := &providertest.Events{}, time.Unix(0, 0)
			r := NewChangeRecorder(got)
			r.memory.now = func() time.Time { return now }

			for _, s := range tc.steps {
				now = now.Add(s.later)

				if s.forget {
					r.Forget(client.ObjectKeyFromObject(s.obj))
				}

				// The runtime makes a recorder for each reconcile.
				r.WithAnnotations("external-name", "x").Event(s.obj, s.event)
			}

			if diff := cmp.Diff(tc.want, got.Messages); diff != "" {
				t.Errorf("%s\nEvent(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
