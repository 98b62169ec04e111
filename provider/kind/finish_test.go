package kind

import (
	"context"
	"errors"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// TestFinishing stops the provider in the middle of a reconcile.
func TestFinishing(t *testing.T) {
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

			f := finishing{grace: tc.grace, Reconciler: reconcile.Func(func(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
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

func TestSecretTouched(t *testing.T) {
	before, after := newCredentials("team-a"), newCredentials("team-a")
	before.ResourceVersion, after.ResourceVersion = "1", "2"

	p := secretTouched()

	for name, tc := range map[string]struct {
		reason    string
		got, want bool
	}{
		"Published": {reason: "A Secret that appears was just published.", got: p.Create(event.CreateEvent{Object: after})},
		"Edited":    {reason: "An edit may take the key away.", got: p.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}), want: true},
		"Resync":    {reason: "The cache's own rounds are no edits.", got: p.Update(event.UpdateEvent{ObjectOld: after, ObjectNew: after})},
		"Deleted":   {reason: "A key that is gone is to be replaced.", got: p.Delete(event.DeleteEvent{Object: after}), want: true},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.got != tc.want {
				t.Errorf("%s\nwant %t, got %t", tc.reason, tc.want, tc.got)
			}
		})
	}
}
