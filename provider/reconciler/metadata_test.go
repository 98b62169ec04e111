package reconciler

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

// TestUpdateStoresMetadataOnly expects an update to store annotations and finalizers, removed
// ones included, and to leave the spec to its writer. Spec and status in memory stay as they are.
func TestUpdateStoresMetadataOnly(t *testing.T) {
	b := providertest.NewBucket("ClusterProviderConfig")
	b.Spec.ForProvider.Tags = map[string]string{"written": "by hand"}
	meta.AddAnnotations(b, map[string]string{"old": "1", "kept": "2"})

	l := providertest.NewLagging(t, b)
	kube := NewStatusChangeOnlyClient(l, l.Live, &miniov1alpha1.Bucket{}, func(client.ObjectKey) {})
	get := func() *miniov1alpha1.Bucket {
		stored := &miniov1alpha1.Bucket{}
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(b), stored); err != nil {
			t.Fatal(err)
		}

		return stored
	}

	b = get()
	stale := b.DeepCopy()
	quota := resource.MustParse("1Gi")
	b.Spec.ForProvider.Quota = &quota
	b.SetConditions(xpv1.Available())
	meta.RemoveAnnotations(b, "old")
	meta.AddAnnotations(b, map[string]string{"new": "3"})
	meta.AddFinalizer(b, finalizerName)

	if err := kube.Update(t.Context(), b); err != nil {
		t.Fatalf("Update(...): %v", err)
	}

	if b.Spec.ForProvider.Quota == nil || b.GetCondition(xpv1.TypeReady).Status != corev1.ConditionTrue {
		t.Error("Update(...): spec or status in memory is lost")
	}

	stored := get()
	if diff := cmp.Diff(map[string]string{"kept": "2", "new": "3"}, stored.GetAnnotations()); diff != "" {
		t.Errorf("annotations: -want, +stored:\n%s", diff)
	}

	if diff := cmp.Diff([]string{finalizerName}, stored.GetFinalizers()); diff != "" {
		t.Errorf("finalizers: -want, +stored:\n%s", diff)
	}

	if diff := cmp.Diff(stale.Spec, stored.Spec); diff != "" {
		t.Errorf("spec: -want, +stored:\n%s", diff)
	}

	// The version in memory is that of the write.
	b.SetFinalizers(nil)

	if err := kube.Update(t.Context(), b); err != nil || len(get().GetFinalizers()) > 0 {
		t.Errorf("Update(...) of a version just written: want no finalizer, got %v, %v", get().GetFinalizers(), err)
	}

	if err := kube.Update(t.Context(), stale); !kerrors.IsConflict(err) {
		t.Errorf("Update(...) of an older version: want a conflict, got %v", err)
	}
}
