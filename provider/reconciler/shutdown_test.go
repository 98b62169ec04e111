package reconciler

import (
	"context"
	"errors"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// TestDrain stops the provider during a reconcile.
func TestDrain(t *testing.T) {
	const long = time.Minute

	cases := map[string]struct {
		reason string
		grace  time.Duration
		// takes is how long the reconcile takes after the stop.
		takes time.Duration
		want  error
	}{
		"Quick": {reason: "A reconcile that ends within the grace period is not cancelled.", grace: long, takes: time.Millisecond},
		"Slow":  {reason: "A reconcile that takes longer is cancelled.", grace: time.Millisecond, takes: long, want: context.Canceled},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())

			r := drained{grace: tc.grace, Reconciler: reconcile.Func(func(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
				stop()

				select {
				case <-time.After(tc.takes):
				case <-ctx.Done():
				}

				return reconcile.Result{}, ctx.Err()
			})}

			if _, err := r.Reconcile(ctx, reconcile.Request{}); !errors.Is(err, tc.want) {
				t.Errorf("%s\nReconcile(...): want %v, got %v", tc.reason, tc.want, err)
			}
		})
	}
}
