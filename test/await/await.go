// Package await lets tests wait until a condition holds.
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

// Timeout is how long a test waits for a condition. It is long because tests check that
// something happens; the benchmarks measure how fast.
const Timeout = 3 * time.Minute

// pause is the time between two tries.
const pause = 20 * time.Millisecond

// For calls try until it returns no error. It fails the test with the last error after
// Timeout.
func For(tb testing.TB, what string, try func() error) {
	tb.Helper()

	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()

	if err := Until(ctx, what, try); err != nil {
		tb.Fatal(err)
	}
}

// Until calls try until it returns no error. It returns the last error when ctx is done.
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

// Gone waits until an object is gone from the API server.
func Gone(tb testing.TB, kube client.Reader, o client.Object) {
	tb.Helper()

	For(tb, o.GetName()+" to be gone", func() error {
		err := kube.Get(context.Background(), client.ObjectKeyFromObject(o), o)
		if err != nil {
			return client.IgnoreNotFound(err)
		}

		if mg, ok := o.(resource.Conditioned); ok {
			return fmt.Errorf("it exists, Synced: %s", mg.GetCondition(xpv1.TypeSynced).Message)
		}

		return errors.New("it exists")
	})
}

// Change reads an object, applies change to it and updates it. It starts again if the
// update fails, for example because of a conflict.
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
