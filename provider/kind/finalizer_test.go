package kind

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

func TestAddFinalizerKeepsStatus(t *testing.T) {
	ctx := context.Background()
	b := newBucket("ClusterProviderConfig")
	kube := fake.NewClientBuilder().WithScheme(newScheme(t)).WithStatusSubresource(b).WithObjects(b).Build()

	if err := kube.Get(ctx, client.ObjectKeyFromObject(b), b); err != nil {
		t.Fatal(err)
	}

	b.SetConditions(xpv1.Available())

	if err := newFinalizer(kube).AddFinalizer(ctx, b); err != nil {
		t.Fatalf("AddFinalizer(...): %v", err)
	}

	if b.GetCondition(xpv1.TypeReady).Status != corev1.ConditionTrue {
		t.Error("AddFinalizer(...): the condition that was observed is lost")
	}

	stored := &v1alpha1.Bucket{}
	if err := kube.Get(ctx, client.ObjectKeyFromObject(b), stored); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{finalizerName}, stored.GetFinalizers()); diff != "" {
		t.Errorf("AddFinalizer(...): -want, +stored:\n%s", diff)
	}

	// A stale resource version would make the next write fail.
	if err := kube.Status().Update(ctx, b); err != nil {
		t.Errorf("Status().Update(...): %v", err)
	}
}
