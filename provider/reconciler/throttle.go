package reconciler

import (
	"context"
	"maps"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Throttle returns a reconciler that reconciles each object at most once per interval,
// whatever triggers it. The first request is served at once; requests that come too
// early are requeued, not dropped.
func Throttle(r reconcile.Reconciler, interval time.Duration) reconcile.Reconciler {
	return newThrottled(r, interval)
}

// throttled is the reconciler that Throttle returns.
type throttled struct {
	reconcile.Reconciler

	interval time.Duration
	now      func() time.Time

	mu sync.Mutex
	// last holds when an object was reconciled, for those reconciled less than an
	// interval ago.
	last map[reconcile.Request]time.Time
}

func newThrottled(r reconcile.Reconciler, interval time.Duration) *throttled {
	return &throttled{Reconciler: r, interval: interval, now: time.Now, last: make(map[reconcile.Request]time.Time)}
}

func (t *throttled) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	if wait := t.admit(req); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}

	return t.Reconciler.Reconcile(ctx, req)
}

// admit returns how long an object has to wait. If it does not have to wait, admit
// counts it as reconciled now.
func (t *throttled) admit(req reconcile.Request) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()

	now := t.now()

	maps.DeleteFunc(t.last, func(_ reconcile.Request, at time.Time) bool { return now.Sub(at) >= t.interval })

	if at, early := t.last[req]; early {
		return t.interval - now.Sub(at)
	}

	t.last[req] = now

	return 0
}
