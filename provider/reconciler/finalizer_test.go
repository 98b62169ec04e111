package reconciler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

// TestAddFinalizerWrites expects the finalizer to be stored at once, unless the runtime stores
// the resource next.
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
		"NoCreates": {reason: "It must not be created, so nothing else stores it.", change: func(b *miniov1alpha1.Bucket) {
			b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve, xpv1.ManagementActionUpdate}
		}, stored: []string{finalizerName}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := providertest.NewBucket("ClusterProviderConfig")
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

			if diff := cmp.Diff([]string{finalizerName}, b.GetFinalizers()); diff != "" {
				t.Errorf("%s\n-want, +in memory:\n%s", tc.reason, diff)
			}
		})
	}
}
