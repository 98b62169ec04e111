//go:build e2e

package component

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestProviderConfigRefIsImmutable expects the API server to reject a change of the
// ProviderConfig, since the same name may belong to another client on another server.
// All other updates in a resource's lifetime must be accepted.
func TestProviderConfigRefIsImmutable(t *testing.T) {
	ns := newNamespace(t)
	p := &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: "fixed", Namespace: ns}}
	p.Spec.ForProvider.Document = policyDocument("s3:GetObject")

	for name, mg := range map[string]resource.ModernManaged{
		"Bucket": newBucket(ns, "fixed"),
		"User":   newUser(ns, "fixed"),
		"Policy": p,
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()

			mg.SetProviderConfigReference(nil)
			create(t, mg)

			for change, ref := range map[string]*xpv1.ProviderConfigReference{
				"another name": {Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: "other"},
				"another kind": {Kind: miniov1alpha1.ProviderConfigKind.Kind, Name: "default"},
			} {
				changed, _ := mg.DeepCopyObject().(resource.ModernManaged)
				changed.SetProviderConfigReference(ref)

				err := env.Kube.Update(ctx, changed)
				if err == nil || !strings.Contains(err.Error(), "providerConfigRef is fixed at creation") {
					t.Errorf("want %s to be rejected, got %v", change, err)
				}
			}

			mg.SetFinalizers([]string{"cistern.dev/test"})

			if err := env.Kube.Update(ctx, mg); err != nil {
				t.Errorf("want a finalizer to be accepted, got %v", err)
			}

			mg.SetConditions(xpv1.Available())

			if err := env.Kube.Status().Update(ctx, mg); err != nil {
				t.Errorf("want a status to be accepted, got %v", err)
			}

			if err := env.Kube.Delete(ctx, mg); err != nil {
				t.Fatal(err)
			}

			if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(mg), mg); err != nil {
				t.Fatal(err)
			}

			// A missing reference equals the default, which the resource was created with.
			mg.SetProviderConfigReference(nil)
			mg.SetFinalizers(nil)

			if err := env.Kube.Update(ctx, mg); err != nil {
				t.Errorf("want the removal of finalizers to be accepted, got %v", err)
			}
		})
	}
}
