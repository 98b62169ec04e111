package reconciler

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// ShutdownTimeout is how long the manager waits for controllers when the process is
// asked to stop: longer than shutdownGrace, shorter than the 30 seconds after which
// Kubernetes kills a pod.
const ShutdownTimeout = 20 * time.Second

// shutdownGrace is how long a running reconcile may go on after the process was asked
// to stop. A reconcile usually takes milliseconds.
const shutdownGrace = 15 * time.Second

// Drain returns a reconciler that finishes a running reconcile when the process is
// asked to stop, within 15 seconds. Otherwise its calls would be cancelled, and
// whether they were carried out would be unknown.
func Drain(r reconcile.Reconciler) reconcile.Reconciler {
	return drained{Reconciler: r, grace: shutdownGrace}
}

// drained is the reconciler that Drain returns.
type drained struct {
	reconcile.Reconciler

	grace time.Duration
}

func (d drained) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	ctx, cancel := outlive(ctx, d.grace)
	defer cancel()

	return d.Reconciler.Reconcile(ctx, req)
}

// outlive returns a context that ends a grace period after ctx does.
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
