package reconciler

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// TestThrottle expects each object to be reconciled at most once per interval, and no request
// to be lost.
func TestThrottle(t *testing.T) {
	const interval = time.Second

	one := reconcile.Request{NamespacedName: types.NamespacedName{Name: "one"}}
	other := reconcile.Request{NamespacedName: types.NamespacedName{Name: "other"}}

	begin := time.Now()
	now, done := begin, 0

	r := newThrottled(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
		done++
		return reconcile.Result{}, nil
	}), interval)
	r.now = func() time.Time { return now }

	for _, step := range []struct {
		reason string
		after  time.Duration
		req    reconcile.Request
		want   time.Duration
		done   int
	}{
		{reason: "The first request is served at once.", req: one, done: 1},
		{
			reason: "An early request is requeued for the end of the interval.",
			after:  interval / 4,
			req:    one,
			want:   interval * 3 / 4,
			done:   1,
		},
		{reason: "Another object has an interval of its own.", after: interval / 4, req: other, done: 2},
		{reason: "The early request did not extend the interval.", after: interval, req: one, done: 3},
		{reason: "The next interval starts with the last reconcile.", after: interval * 3 / 2, req: one, want: interval / 2, done: 3},
	} {
		now = begin.Add(step.after)

		got, err := r.Reconcile(t.Context(), step.req)
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(reconcile.Result{RequeueAfter: step.want}, got); diff != "" || done != step.done {
			t.Errorf("%s\nwant %d reconciles, got %d; -want, +got:\n%s", step.reason, step.done, done, diff)
		}
	}

	now = begin.Add(time.Minute)
	r.admit(other)

	if len(r.last) != 1 {
		t.Errorf("want only objects within their interval to be remembered, got %v", r.last)
	}
}
