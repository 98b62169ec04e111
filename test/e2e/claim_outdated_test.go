//go:build e2e

package e2e

import (
	"testing"
	"time"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// TestClaimSecretImmutable rotates the key of a claim whose Secret is immutable. It checks
// that the claim says so, that the key in the Secret works beyond the overlap, and that the
// claim recovers once the Secret is deleted.
func TestClaimSecretImmutable(t *testing.T) {
	t.Parallel()

	const overlap = 20 * time.Second

	ns := newNamespace(t)
	applyClaim(t, ns, "immutable", "{rotation: {overlap: 20s}}")
	before := waitReady(t, ns, "immutable")

	secret := tenantv1alpha1.CredentialsSecretNameFor("immutable", "")
	mustKubectl(t, "", "patch", "secret", secret, "--namespace", ns, "--type=merge", `--patch={"immutable": true}`)

	applyClaim(t, ns, "immutable", "{rotation: {overlap: 20s, trigger: now}}")
	waitProvisioned(t, ns, "immutable", tenantv1alpha1.ReasonSecretOutdated, `Secret "`+secret+`" is immutable`)

	time.Sleep(2 * overlap)

	if _, err := list(t.Context(), tenantClient(t, before), before.Spec.BucketName); err != nil {
		t.Errorf("want the key in the immutable Secret to work, got %v", err)
	}

	mustKubectl(t, "", "delete", "secret", secret, "--namespace", ns)

	after := waitReady(t, ns, "immutable")
	wantCredentials(t, ns, "immutable", "")
	waitKeyRejected(t, before)
	testAllowed(t, after)
}
