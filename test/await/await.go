// Package await waits in tests for what has to happen.
package await

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// Timeout is how long anything may take that must happen at all. How fast it is,
// the benchmarks tell.
const Timeout = 3 * time.Minute

// pause between two tries.
const pause = 20 * time.Millisecond

// For tries until try returns no error, and fails the test with the last one when
// Timeout ends.
func For(tb testing.TB, what string, try func() error) {
	tb.Helper()

	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()

	if err := Until(ctx, what, try); err != nil {
		tb.Fatal(err)
	}
}

// Until tries until try returns no error, and returns the last one when the context
// ends.
func Until(ctx context.Context, what string, try func() error) error {
	began := time.Now()

	for {
		err := try()
		if err == nil {
			return nil
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s: %w", time.Since(began).Round(time.Second), what, err)
		case <-time.After(pause):
		}
	}
}

// Gone waits until an object is gone.
func Gone(tb testing.TB, kube client.Reader, o client.Object) {
	tb.Helper()

	For(tb, o.GetName()+" to be gone", func() error {
		err := kube.Get(context.Background(), client.ObjectKeyFromObject(o), o)
		if err != nil {
			return client.IgnoreNotFound(err)
		}

		if mg, ok := o.(resource.Conditioned); ok {
			return fmt.Errorf("it is there, %s", mg.GetCondition(xpv1.TypeSynced).Message)
		}

		return errors.New("it is there")
	})
}

// Change changes an object as it is now, again if somebody else does at the same
// time.
func Change[T client.Object](tb testing.TB, kube client.Client, o T, change func(T)) {
	tb.Helper()

	For(tb, "a change of "+o.GetName(), func() error {
		if err := kube.Get(context.Background(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}

		change(o)

		return kube.Update(context.Background(), o)
	})
}
