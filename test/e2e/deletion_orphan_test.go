//go:build e2e

package e2e

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestClaimIsNotOrphaned deletes a claim in every way that would keep its bucket and
// keys without the claim. It checks that each deletion is denied, and that the claim
// can still be deleted with everything that belongs to it.
func TestClaimIsNotOrphaned(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "owned", "{}")
	info := waitReady(t, ns, "owned")

	const claim, text = "buckets.apps.cozystack.io/owned", "would stay without a claim"

	wantKubectlError(t, "", []string{"delete", claim, "--namespace", ns, "--cascade=orphan", "--wait=false"}, text)

	deprecated := &client.DeleteOptions{Raw: &metav1.DeleteOptions{OrphanDependents: new(true)}} //nolint:staticcheck // It is what is tested. //nolint:staticcheck // Clients may still set the deprecated field.
	if err := kube.Delete(t.Context(), getClaim(t, ns, "owned"), deprecated); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("want the deletion with orphanDependents to be denied, got %v", err)
	}

	mustKubectl(t, "", "patch", claim, "--namespace", ns, "--type=json", `--patch=[{"op": "add", "path": "/metadata/finalizers/-", "value": "orphan"}]`)

	if err := kube.Delete(t.Context(), getClaim(t, ns, "owned")); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("want the deletion with the finalizer orphan to be denied, got %v", err)
	}

	// kubectl deletes in the background by default, which removes the finalizer.
	deleteClaim(t, ns, "owned")
	waitNothingLeft(t, ns, info)
}
