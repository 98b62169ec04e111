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

// TestServerIsFixed moves resources to another server, where their names may be
// somebody else's. All else that is written while a resource lives goes through.
func TestServerIsFixed(t *testing.T) {
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

			for reason, ref := range map[string]*xpv1.ProviderConfigReference{
				"another name": {Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: "other"},
				"another kind": {Kind: miniov1alpha1.ProviderConfigKind.Kind, Name: "default"},
			} {
				changed, _ := mg.DeepCopyObject().(resource.ModernManaged)
				changed.SetProviderConfigReference(ref)

				if err := bed.Kube.Update(ctx, changed); err == nil || !strings.Contains(err.Error(), "providerConfigRef is fixed at creation: make a new resource") {
					t.Errorf("want %s to be refused, got %v", reason, err)
				}
			}

			mg.SetFinalizers([]string{"cistern.dev/test"})

			if err := bed.Kube.Update(ctx, mg); err != nil {
				t.Errorf("want a finalizer to be taken, got %v", err)
			}

			mg.SetConditions(xpv1.Available())

			if err := bed.Kube.Status().Update(ctx, mg); err != nil {
				t.Errorf("want a status to be taken, got %v", err)
			}

			if err := bed.Kube.Delete(ctx, mg); err != nil {
				t.Fatal(err)
			}

			if err := bed.Kube.Get(ctx, client.ObjectKeyFromObject(mg), mg); err != nil {
				t.Fatal(err)
			}

			// The default is what the reference was; a client may leave it out.
			mg.SetProviderConfigReference(nil)
			mg.SetFinalizers(nil)

			if err := bed.Kube.Update(ctx, mg); err != nil {
				t.Errorf("want the resource to go, got %v", err)
			}
		})
	}
}
