package controller

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

// TestShare starts reconciles that hang. It expects no more than the limit of them for one
// configuration, and others not to wait for it.
func TestShare(t *testing.T) {
	const limit = 2

	objects := make([]client.Object, 0, 5)
	requests := make([]reconcile.Request, 0, 5)

	for i := range 5 {
		b := providertest.NewBucket(miniov1alpha1.ClusterProviderConfigKind.Kind)
		b.Name, b.Namespace = "bucket", fmt.Sprintf("team-%d", i)

		if i == 4 {
			b.Spec.ProviderConfigReference.Name = "other"
		}

		objects = append(objects, b)
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(b)})
	}

	release, started := make(chan struct{}), make(chan reconcile.Request, len(requests))
	r := reconcile.Func(func(_ context.Context, req reconcile.Request) (reconcile.Result, error) {
		started <- req
		<-release

		return reconcile.Result{}, nil
	})
	s := share(r, providertest.NewLagging(t, objects...), &miniov1alpha1.Bucket{}, limit)

	for _, req := range requests[:limit] {
		go func() { _, _ = s.Reconcile(t.Context(), req) }()

		<-started
	}

	for i, req := range requests[limit:4] {
		result, err := s.Reconcile(t.Context(), req)
		if want := time.Duration(i+1) * turnInterval; err != nil || result.RequeueAfter != want {
			t.Errorf("want a resource beyond the limit to wait for %s, got %v, %v", want, result, err)
		}
	}

	go func() { _, _ = s.Reconcile(t.Context(), requests[4]) }()

	if got := <-started; got != requests[4] {
		t.Errorf("want the resource of another configuration to be reconciled, got %v", got)
	}

	close(release)

	for _, req := range requests {
		for {
			result, err := s.Reconcile(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}

			if result.RequeueAfter == 0 {
				break
			}

			time.Sleep(result.RequeueAfter)
		}

		<-started
	}

	if len(s.waiting)+len(s.waiters) != 0 {
		t.Errorf("want nothing to be kept, got %v, %v", s.waiting, s.waiters)
	}
}

// TestShareOfManyWaiting lets more resources wait for a server that hangs than a configuration may
// keep workers busy. It expects few of them to wait with a worker, once, and all together to ask
// no more often the more they are.
func TestShareOfManyWaiting(t *testing.T) {
	const limit, count = 1, 300

	objects := make([]client.Object, 0, count)
	requests := make([]reconcile.Request, 0, count)

	for i := range count {
		b := providertest.NewBucket(miniov1alpha1.ClusterProviderConfigKind.Kind)
		b.Name = fmt.Sprintf("bucket-%d", i)
		objects = append(objects, b)
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(b)})
	}

	kube := providertest.NewLagging(t, objects...)
	release, started := make(chan struct{}), make(chan struct{}, 1)
	s := share(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
		started <- struct{}{}
		<-release

		return reconcile.Result{}, nil
	}), kube, &miniov1alpha1.Bucket{}, limit)

	done := make(chan struct{})
	go func() {
		_, _ = s.Reconcile(t.Context(), requests[0])

		close(done)
	}()

	<-started

	withWorker := 0

	for round, rest := range [][]reconcile.Request{requests[1:], requests[1:]} {
		for i, req := range rest {
			begin := time.Now()
			result, err := s.Reconcile(t.Context(), req)

			if time.Since(begin) >= patience {
				withWorker++
			}

			want := time.Duration(i+1) * turnInterval
			if round > 0 {
				want = time.Duration(len(rest)) * turnInterval
			}

			if err != nil || result.RequeueAfter != want {
				t.Fatalf("want resource %d to wait for %s without a worker in round %d, got %v, %v", i, want, round, result, err)
			}
		}
	}

	if withWorker != limit {
		t.Errorf("want %d resource to wait with a worker, got %d", limit, withWorker)
	}

	close(release)
	<-done

	// Resources that are deleted, or get another configuration, do not wait for this one.
	for i, o := range objects[1:] {
		if i%2 == 0 {
			o.(*miniov1alpha1.Bucket).Spec.ProviderConfigReference = nil
			if err := kube.Update(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		} else if err := kube.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}

		if _, err := s.Reconcile(t.Context(), requests[i+1]); err != nil {
			t.Fatal(err)
		}

		<-started
	}

	if len(s.waiting)+len(s.waiters) != 0 {
		t.Errorf("want nothing to be kept, got %v, %v", s.waiting, s.waiters)
	}
}
