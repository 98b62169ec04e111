//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestClaimReplaced replaces a claim by manifests without spec.crossplane, where
// Crossplane lists what it has composed. It checks that a claim that the platform does
// not allow keeps what it has, that its keys are still rotated, and that a user that is
// removed at the same time is deleted.
func TestClaimReplaced(t *testing.T) {
	t.Parallel()

	const rotation = "rotation: {interval: 1m, overlap: 30s}"

	ns := newNamespace(t)
	applyClaim(t, ns, "replaced", "{"+rotation+", users: {alice: {}}}")
	before := waitReady(t, ns, "replaced")
	status := comparableStatus(getClaim(t, ns, "replaced"))

	replaceClaim(t, ns, "replaced", "{publicRead: true, "+rotation+", users: {alice: {}}}")
	waitProvisioned(t, ns, "replaced", tenantv1alpha1.ReasonInvalidClaim, "does not offer publicRead")

	await.For(t, "the references to be back", func() error {
		refs := mustKubectl(t, "", "get", "buckets.apps.cozystack.io/replaced", "--namespace", ns,
			"--output=jsonpath={.spec.crossplane.resourceRefs[*].name}")

		// A Bucket, and for each of two identities a User and two Secrets.
		if n := len(strings.Fields(refs)); n != 7 {
			return fmt.Errorf("want 7 references, got %q", refs)
		}

		return nil
	})

	if got := comparableStatus(getClaim(t, ns, "replaced")); got.BucketName != status.BucketName || got.SecretName != status.SecretName ||
		len(got.Credentials) != len(status.Credentials) {
		t.Errorf("want the status to stay %+v, got %+v", status, got)
	}

	await.For(t, "the Secret to hold a new key that works", func() error {
		info := getBucketInfo(t, ns, "replaced", "")
		if info.Spec.SecretS3.AccessKeyID == before.Spec.SecretS3.AccessKeyID {
			return errors.New("it still holds the first key")
		}

		_, err := list(t.Context(), tenantClient(t, info), info.Spec.BucketName)

		return err
	})

	replaceClaim(t, ns, "replaced", "{}")
	waitReady(t, ns, "replaced")
	waitUsers(t, ns, "replaced", "")
}

// replaceClaim replaces a claim by a manifest with nothing but a name and a spec.
func replaceClaim(t *testing.T, namespace, name, spec string) {
	t.Helper()
	mustKubectl(t, "{apiVersion: apps.cozystack.io/v1alpha1, kind: Bucket, metadata: {name: "+name+", namespace: "+namespace+"}, spec: "+spec+"}",
		"replace", "--filename=-")
}
