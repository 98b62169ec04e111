//go:build e2e

package extras

import (
	"strings"
	"testing"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	iam "github.com/cistern-dev/cistern/apis/extras/iam/v1alpha1"
	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// ownerUID is the annotation that names the resource which owns the external resource.
const ownerUID = "minio.cistern.dev/owner-uid"

// TestCopyChangesNothing copies a Group with all its annotations into another namespace. It
// expects the copy to change and to delete nothing, until it takes the group over.
func TestCopyChangesNothing(t *testing.T) {
	startProvider(t)

	const group = "copied"

	original := &iam.Group{ObjectMeta: named(newNamespace(t), group)}
	must(t, env.Kube.Create(t.Context(), original))
	awaitSettled(t, original)

	if got := original.Annotations[ownerUID]; got != string(original.UID) {
		t.Errorf("want the original's UID %q as the owner, got %q", original.UID, got)
	}

	restore := func() *iam.Group {
		c := original.DeepCopy()
		c.Namespace, c.UID, c.ResourceVersion = newNamespace(t), "", ""
		must(t, env.Kube.Create(t.Context(), c))
		awaitSyncError(t, c, "is a copy")

		return c
	}

	first := restore()
	await.Change(t, env.Kube, first, func(g *iam.Group) { g.Spec.ForProvider.DisableGroup = new(true) })
	awaitSyncError(t, first, "is a copy")
	must(t, env.Kube.Delete(t.Context(), first))
	await.Gone(t, env.Kube, first)
	must(t, groupIs(t.Context(), group, "enabled"))

	second := restore()
	await.Change(t, env.Kube, original, func(g *iam.Group) {
		g.SetManagementPolicies(xpv1.ManagementPolicies{xpv1.ManagementActionObserve})
	})
	must(t, env.Kube.Delete(t.Context(), original))
	await.Gone(t, env.Kube, original)
	must(t, groupIs(t.Context(), group, "enabled"))

	await.Change(t, env.Kube, second, func(g *iam.Group) { g.Annotations[ownerUID] = string(g.UID) })
	awaitSettled(t, second)
	must(t, env.Kube.Delete(t.Context(), second))
	await.Gone(t, env.Kube, second)
	must(t, groupGone(t.Context(), group))
}

// TestProviderConfigRefIsImmutable expects the API server to reject a change of the
// ProviderConfig of each kind, and to accept other updates. No provider runs.
func TestProviderConfigRefIsImmutable(t *testing.T) {
	ns := newNamespace(t)

	for _, mg := range readExamples(t, "extras") {
		gvk := mg.GetObjectKind().GroupVersionKind()
		if gvk.Group == miniov1alpha1.Group {
			continue
		}

		t.Run(gvk.Kind, func(t *testing.T) {
			mg.SetNamespace(ns)
			must(t, env.Kube.Create(t.Context(), mg))

			changed, _ := mg.DeepCopyObject().(resource.ModernManaged)
			changed.SetProviderConfigReference(&xpv1.ProviderConfigReference{Kind: miniov1alpha1.ProviderConfigKind.Kind, Name: "other"})

			err := env.Kube.Update(t.Context(), changed)
			if err == nil || !strings.Contains(err.Error(), "providerConfigRef is fixed at creation") {
				t.Errorf("want the change to be rejected, got %v", err)
			}

			mg.SetLabels(map[string]string{"changed": "true"})
			must(t, env.Kube.Update(t.Context(), mg))
			must(t, env.Kube.Delete(t.Context(), mg))
		})
	}
}
