package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
)

func condition(typ xpv1.ConditionType, status corev1.ConditionStatus, generation int64) xpv1.Condition {
	return xpv1.Condition{Type: typ, Status: status, ObservedGeneration: generation}
}

func newObject(generation int64, conditions ...xpv1.Condition) *object {
	o := &object{ObjectMeta: metav1.ObjectMeta{Generation: generation}}
	o.Status.Conditions = conditions

	return o
}

func TestSettled(t *testing.T) {
	const yes, no = corev1.ConditionTrue, corev1.ConditionFalse

	cases := map[string]struct {
		reason string
		o      *object
		want   bool
	}{
		"Gone": {"An object that does not exist is not settled.", nil, false},
		"New":  {"An object without conditions is not settled.", newObject(1), false},
		"Claim": {
			"The condition Ready of a claim has the observed generation.",
			newObject(2, condition("Ready", yes, 2), condition("Synced", yes, 2)), true,
		},
		"OldClaim": {
			"The claim was ready before its last change.",
			newObject(3, condition("Ready", yes, 2), condition("Synced", yes, 3)), false,
		},
		"Managed": {
			"The condition Synced of a managed resource has the observed generation.",
			newObject(2, condition("Ready", yes, 0), condition("Synced", yes, 2)), true,
		},
		"Changed": {
			"The managed resource was ready before its last change.",
			newObject(3, condition("Ready", yes, 0), condition("Synced", yes, 2)), false,
		},
		"NotReady": {"Ready must be true.", newObject(1, condition("Ready", no, 1), condition("Synced", yes, 1)), false},
		"Unsynced": {"Synced must be true.", newObject(1, condition("Ready", yes, 1), condition("Synced", no, 1)), false},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := settled(tc.o); got != tc.want {
				t.Errorf("%s\nsettled(...): want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}

func TestIDOf(t *testing.T) {
	composed := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{
		"namespace": "ns", "name": "bucket-1234", "labels": map[string]any{labelComposite: "photos"},
	}}}
	claim := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{
		"namespace": "ns", "name": "photos", "labels": map[string]any{labelComposite: "photos-itself"},
	}}}

	cases := map[string]struct {
		reason string
		kind   kind
		o      *unstructured.Unstructured
		want   id
	}{
		"Composed": {"A composed resource has the name of its claim.", buckets, composed, id{buckets, "ns", "photos"}},
		"Claim":    {"A claim has its own name, also if it has the label.", claims, claim, id{claims, "ns", "photos"}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, idOf(tc.kind, tc.o), cmp.AllowUnexported(id{})); diff != "" {
				t.Errorf("%s\nidOf(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func newTestWatch() *watch {
	return &watch{objects: make(map[id]*object), expectations: make(map[*expectation]bool)}
}

func TestExpectation(t *testing.T) {
	w := newTestWatch()
	a, b, c := id{claims, "ns", "a"}, id{claims, "ns", "b"}, id{claims, "ns", "c"}
	began := time.Now()

	w.record(a, newObject(1), began)

	made := w.expect("made", []id{a, b}, exists)
	left := w.expect("gone", []id{b, c}, gone)

	w.record(c, newObject(1), began.Add(time.Minute))
	w.record(b, newObject(1), began.Add(2*time.Minute))
	w.record(b, newObject(2), began.Add(3*time.Minute))

	at, err := made.wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	if got := at[b].Sub(began); got != 2*time.Minute {
		t.Errorf("want the time when the condition was first met: got %s after the start", got)
	}

	if at[a].Before(began) || len(at) != 2 {
		t.Errorf("want an object that meets the condition already to count at once, got %v", at)
	}

	// b and c did not exist when the expectation was made.
	if at, err = left.wait(t.Context()); err != nil || len(at) != 2 {
		t.Errorf("want objects that do not exist to be gone: got %v, %v", at, err)
	}

	if len(w.expectations) > 0 {
		t.Errorf("want expectations that are met to be forgotten, got %d", len(w.expectations))
	}
}

func TestExpectNothing(t *testing.T) {
	if at, err := newTestWatch().expect("made", nil, exists).wait(t.Context()); err != nil || len(at) != 0 {
		t.Errorf("want an expectation of no objects to be met at once: got %v, %v", at, err)
	}
}

func TestExpectationNotMet(t *testing.T) {
	w := newTestWatch()
	a, b := id{claims, "ns", "a"}, id{claims, "ns", "b"}
	w.record(a, newObject(1, xpv1.Condition{Type: "Ready", Message: "MinIO is down"}), time.Now())

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))

	x := w.expect("ready", []id{a, b}, settled)
	w.record(b, newObject(1, condition("Ready", corev1.ConditionTrue, 1), condition("Synced", corev1.ConditionTrue, 1)), time.Now())

	_, err := x.wait(ctx)
	if err == nil {
		t.Fatal("want an error, got none")
	}

	for _, want := range []string{"2 objects to be ready", "1 are not", "interrupted", "claim ns/a", "MinIO is down"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("want an error that contains %q, got %v", want, err)
		}
	}

	if len(w.expectations) > 0 {
		t.Error("want an expectation that failed to be forgotten")
	}
}

// TestRestrict checks that changes in other namespaces do not count.
func TestRestrict(t *testing.T) {
	w := newTestWatch()
	w.record(id{claims, "team-a", "a"}, newObject(1), time.Now())
	w.restrict("bench-1")

	began := w.last
	w.record(id{claims, "team-a", "b"}, newObject(1), began.Add(time.Hour))

	if w.last != began || len(w.objects) > 0 {
		t.Errorf("want no objects of other namespaces, got %v", w.objects)
	}

	w.record(id{claims, "bench-1-7", "c"}, newObject(1), began.Add(time.Hour))

	if w.last != began.Add(time.Hour) || w.get(id{claims, "bench-1-7", "c"}) == nil {
		t.Error("want an object of this run's namespaces to count")
	}
}

func TestTimestamps(t *testing.T) {
	began := time.Now()
	after := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	a, b := id{claims, "ns", "a"}, id{claims, "ns", "b"}

	sent := map[id]time.Time{a: after(0), b: after(1)}
	done := latest(map[id]time.Time{
		{buckets, "ns", "a"}: after(2), {users, "ns", "a"}: after(3), {users, "ns", "b"}: after(5), {buckets, "ns", "b"}: after(4),
	})

	if diff := cmp.Diff(map[id]time.Time{a: after(3), b: after(5)}, done, cmp.AllowUnexported(id{})); diff != "" {
		t.Errorf("latest(...): -want, +got:\n%s", diff)
	}

	if diff := cmp.Diff([]float64{3, 4}, seconds(between(sent, done))); diff != "" {
		t.Errorf("between(...): -want, +got:\n%s", diff)
	}

	if got := rate(sent, done); got != .4 {
		t.Errorf("rate(...): want 2 in 5 seconds, got %g a second", got)
	}

	if took := between(sent, nil); len(took) != 0 {
		t.Errorf("between(...): want no duration without an end, got %v", took)
	}
}
