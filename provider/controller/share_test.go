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

	if len(s.waiting) != 0 {
		t.Errorf("want nothing to be kept, got %v", s.waiting)
	}
}
