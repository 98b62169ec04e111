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

	recreated := providertest.NewBucket("ClusterProviderConfig")
	recreated.UID = "recreated"

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
			reason: "The same event is recorded once.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: b, event: warning("a"), later: time.Minute}},
			want:   []string{"a"},
		},
		"Changed": {
			reason: "Each change is recorded.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: b, event: warning("b")}, {obj: b, event: warning("a")}},
			want:   []string{"a", "b", "a"},
		},
		"OtherReason": {
			reason: "Events of different reasons are compared apart.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: b, event: event.Normal("Created", "b")}, {obj: b, event: warning("a")}},
			want:   []string{"a", "b"},
		},
		"OtherObject": {
			reason: "Events of different objects are compared apart.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: another, event: warning("a")}},
			want:   []string{"a", "a"},
		},
		"Recreated": {
			reason: "A new object of the same name has no events yet.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: recreated, event: warning("a")}},
			want:   []string{"a", "a"},
		},
		"HourLater": {
			reason: "The API server has dropped the event by then.",
			steps:  []step{{obj: b, event: warning("a")}, {obj: b, event: warning("a"), later: repeatAfter}},
			want:   []string{"a", "a"},
		},
		"Forgotten": {
			reason: "Events of an object that is gone are forgotten.",
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
