package reconciler

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// ShutdownTimeout is how long the manager should wait for controllers when it is
// told to stop: longer than they need to finish, shorter than the 30 seconds
// after which a pod is killed.
const ShutdownTimeout = 20 * time.Second

// shutdownGrace is how long a reconcile that is under way may go on.
const shutdownGrace = 15 * time.Second

// Drain returns a reconciler that lets a reconcile come to its end when the provider
// is told to stop, in at most shutdownGrace.
func Drain(r reconcile.Reconciler) reconcile.Reconciler {
	return drained{Reconciler: r, grace: shutdownGrace}
}

// drained lets a reconcile come to its end when the provider is told to stop.
// Without it the calls of those under way would be called off in the middle, and
// nobody could say how they ended. It takes milliseconds, and no more than grace.
type drained struct {
	reconcile.Reconciler

	grace time.Duration
}

// Reconcile reconciles.
func (f drained) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	ctx, cancel := outlive(ctx, f.grace)
	defer cancel()

	return f.Reconciler.Reconcile(ctx, req)
}

// outlive returns a context that ends some time after ctx does.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))

	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(grace):
			cancel()
		case <-out.Done():
		}
	})

	return out, func() {
		stop()
		cancel()
	}
}
