package reconciler

import (
	"context"
	"maps"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// throttled reconciles each object at most once in a while, and the last of those who ask
// too often later.
type throttled struct {
	reconcile.Reconciler

	every time.Duration
	now   func() time.Time

	mu sync.Mutex
	// last is when those were reconciled who are to wait.
	last map[reconcile.Request]time.Time
}

// Throttle returns a reconciler that reconciles each object at most once in an
// interval. Requests in between are requeued, not dropped.
func Throttle(r reconcile.Reconciler, every time.Duration) reconcile.Reconciler {
	return newThrottled(r, every)
}

func newThrottled(r reconcile.Reconciler, every time.Duration) *throttled {
	return &throttled{Reconciler: r, every: every, now: time.Now, last: make(map[reconcile.Request]time.Time)}
}

// Reconcile reconciles one object, or asks to be called again.
func (p *throttled) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	if wait := p.wait(req); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}

	return p.Reconciler.Reconcile(ctx, req)
}

// wait returns for how long an object is to wait; if not at all, it counts as
// reconciled.
func (p *throttled) wait(req reconcile.Request) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()

	now := p.now()

	maps.DeleteFunc(p.last, func(_ reconcile.Request, at time.Time) bool { return now.Sub(at) >= p.every })

	if at, early := p.last[req]; early {
		return p.every - now.Sub(at)
	}

	p.last[req] = now

	return 0
}
