package reconciler

import (
	"context"
	"errors"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// TestDrain stops the provider in the middle of a reconcile.
func TestDrain(t *testing.T) {
	const long = time.Minute

	cases := map[string]struct {
		reason string
		grace  time.Duration
		// takes is how long the reconcile takes after the stop.
		takes time.Duration
		want  error
	}{
		"Quick": {reason: "One that ends soon ends undisturbed.", grace: long, takes: time.Millisecond},
		"Slow":  {reason: "One that does not is called off.", grace: time.Millisecond, takes: long, want: context.Canceled},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())

			f := drained{grace: tc.grace, Reconciler: reconcile.Func(func(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
				stop()

				select {
				case <-time.After(tc.takes):
				case <-ctx.Done():
				}

				return reconcile.Result{}, ctx.Err()
			})}

			if _, err := f.Reconcile(ctx, reconcile.Request{}); !errors.Is(err, tc.want) {
				t.Errorf("%s\nReconcile(...): want %v, got %v", tc.reason, tc.want, err)
			}
		})
	}
}
