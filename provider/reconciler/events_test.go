package kind

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/event"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// told records the messages of events.
type told struct{ messages []string }

func (r *told) Event(_ runtime.Object, e event.Event)    { r.messages = append(r.messages, e.Message) }
func (r *told) WithAnnotations(...string) event.Recorder { return r }

func TestChangeRecorder(t *testing.T) {
	b := newBucket("ClusterProviderConfig")
	another := newBucket("ClusterProviderConfig")
	another.Name = "another"

	again := newBucket("ClusterProviderConfig")
	again.UID = "made-again"

	warning := func(text string) event.Event { return event.Warning("CannotObserve", errors.New(text)) }

	type step struct {
		obj    *v1alpha1.Bucket
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
			got, now := &told{}, time.Unix(0, 0)
			r := newChangeRecorder(got)
			r.memory.now = func() time.Time { return now }

			for _, s := range tc.steps {
				now = now.Add(s.later)

				if s.forget {
					r.forget(client.ObjectKeyFromObject(s.obj))
				}

				// The runtime makes a recorder for each reconcile.
				r.WithAnnotations("external-name", "x").Event(s.obj, s.event)
			}

			if diff := cmp.Diff(tc.want, got.messages); diff != "" {
				t.Errorf("%s\nEvent(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
