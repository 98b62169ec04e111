package reconciler

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

func TestAddFinalizerKeepsStatus(t *testing.T) {
	ctx := context.Background()
	b := providertest.NewBucket("ClusterProviderConfig")
	meta.SetExternalName(b, "adopted")

	kube := fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).WithStatusSubresource(b).WithObjects(b).Build()

	if err := kube.Get(ctx, client.ObjectKeyFromObject(b), b); err != nil {
		t.Fatal(err)
	}

	b.SetConditions(xpv1.Available())

	if err := NewFinalizer(kube).AddFinalizer(ctx, b); err != nil {
		t.Fatalf("AddFinalizer(...): %v", err)
	}

	if b.GetCondition(xpv1.TypeReady).Status != corev1.ConditionTrue {
		t.Error("AddFinalizer(...): the observed condition is lost")
	}

	stored := &miniov1alpha1.Bucket{}
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

// TestAddFinalizerWrites expects finalizer and owner to be stored at once, unless the runtime
// stores the resource next.
func TestAddFinalizerWrites(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*miniov1alpha1.Bucket)
		stored []string
	}{
		"New": {
			reason: "The record of the pending creation stores it.",
			change: func(*miniov1alpha1.Bucket) {},
		},
		"Failed": {
			reason: "The record of the next attempt stores it.",
			change: func(b *miniov1alpha1.Bucket) { meta.SetExternalCreateFailed(b, time.Now()) },
		},
		"Adopted": {
			reason: "There is nothing to create, so nothing else stores it.",
			change: func(b *miniov1alpha1.Bucket) { meta.SetExternalName(b, "there") },
			stored: []string{finalizerName},
		},
		"Begun": {
			reason: "It may have been created already.",
			change: func(b *miniov1alpha1.Bucket) { meta.SetExternalCreatePending(b, time.Now()) },
			stored: []string{finalizerName},
		},
		"Unmarked": {
			reason: "It was made before owners were recorded.",
			change: func(b *miniov1alpha1.Bucket) {
				meta.SetExternalName(b, "there")
				meta.AddFinalizer(b, finalizerName)
			},
			stored: []string{finalizerName},
		},
		"NoCreates": {reason: "It must not be created, so nothing else stores it.", change: func(b *miniov1alpha1.Bucket) {
			b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve, xpv1.ManagementActionUpdate}
		}, stored: []string{finalizerName}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := providertest.NewBucket("ClusterProviderConfig")
			b.UID = "its own"
			b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionAll}
			tc.change(b)

			kube := fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).WithStatusSubresource(b).WithObjects(b).Build()
			if err := kube.Get(t.Context(), client.ObjectKeyFromObject(b), b); err != nil {
				t.Fatal(err)
			}

			if err := NewFinalizer(kube).AddFinalizer(t.Context(), b); err != nil {
				t.Fatal(err)
			}

			stored := &miniov1alpha1.Bucket{}
			if err := kube.Get(t.Context(), client.ObjectKeyFromObject(b), stored); err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(tc.stored, stored.GetFinalizers()); diff != "" {
				t.Errorf("%s\n-want, +stored:\n%s", tc.reason, diff)
			}

			if owned := OwnerUID(stored) == b.GetUID(); owned != (tc.stored != nil) {
				t.Errorf("%s\nstored owner: %q", tc.reason, OwnerUID(stored))
			}

			if diff := cmp.Diff([]string{finalizerName}, b.GetFinalizers()); diff != "" || OwnerUID(b) != b.GetUID() {
				t.Errorf("%s\nowner in memory: %q, finalizers: -want, +in memory:\n%s", tc.reason, OwnerUID(b), diff)
			}
		})
	}
}

// TestAddFinalizerIsSilent expects nothing to be written, nor an owner to be replaced, once both
// are stored.
func TestAddFinalizerIsSilent(t *testing.T) {
	for _, owner := range []types.UID{"its own", "another"} {
		b := providertest.NewBucket("ClusterProviderConfig")
		b.UID = "its own"
		meta.SetExternalName(b, "there")
		meta.AddFinalizer(b, finalizerName)
		setOwner(b, owner)

		l := providertest.NewLagging(t, b)
		if err := NewFinalizer(l).AddFinalizer(t.Context(), b); err != nil {
			t.Fatal(err)
		}

		if l.Writes != 0 || OwnerUID(b) != owner {
			t.Errorf("owner %q: want no write, got %d, and the owner %q", owner, l.Writes, OwnerUID(b))
		}
	}
}
