package reconciler

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// TestThrottle asks for one object, or another, after some time.
func TestThrottle(t *testing.T) {
	const every = time.Second

	one := reconcile.Request{NamespacedName: types.NamespacedName{Name: "one"}}
	other := reconcile.Request{NamespacedName: types.NamespacedName{Name: "other"}}

	begin := time.Now()
	now, done := begin, 0

	p := newThrottled(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
		done++
		return reconcile.Result{}, nil
	}), every)
	p.now = func() time.Time { return now }

	for _, step := range []struct {
		reason string
		after  time.Duration
		req    reconcile.Request
		want   time.Duration
		done   int
	}{
		{reason: "The first is reconciled at once.", req: one, done: 1},
		{reason: "The next one is early, and comes again when it is not.", after: every / 4, req: one, want: every * 3 / 4, done: 1},
		{reason: "Another object has a time of its own.", after: every / 4, req: other, done: 2},
		{reason: "Whoever asked too early does not wait for longer.", after: every, req: one, done: 3},
		{reason: "It counts from then on.", after: every * 3 / 2, req: one, want: every / 2, done: 3},
	} {
		now = begin.Add(step.after)

		got, err := p.Reconcile(t.Context(), step.req)
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(reconcile.Result{RequeueAfter: step.want}, got); diff != "" || done != step.done {
			t.Errorf("%s\nwant %d reconciles, got %d; -want, +got:\n%s", step.reason, step.done, done, diff)
		}
	}

	now = begin.Add(time.Minute)
	p.wait(other)

	if len(p.last) != 1 {
		t.Errorf("want nothing to be kept of those who need not wait, got %v", p.last)
	}
}
