package kind

import (
	"context"
	"maps"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// paced reconciles each object at most once in a while, and the last of those who ask
// too often later.
type paced struct {
	reconcile.Reconciler

	every time.Duration
	now   func() time.Time

	mu sync.Mutex
	// last is when those were reconciled who are to wait.
	last map[reconcile.Request]time.Time
}

func newPaced(r reconcile.Reconciler, every time.Duration) *paced {
	return &paced{Reconciler: r, every: every, now: time.Now, last: make(map[reconcile.Request]time.Time)}
}

// Reconcile reconciles one object, or asks to be called again.
func (p *paced) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	if wait := p.wait(req); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}

	return p.Reconciler.Reconcile(ctx, req)
}

// wait returns for how long an object is to wait; if not at all, it counts as
// reconciled.
func (p *paced) wait(req reconcile.Request) time.Duration {
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
