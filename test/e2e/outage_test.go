//go:build e2e

package e2e

import (
	"context"
	"testing"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestMinIOOutage applies a claim while MinIO is down. It checks that the claim reports
// that it waits for its bucket and becomes ready once MinIO is up again, and that a claim
// from before keeps its key until the rotation that was asked for meanwhile.
func TestMinIOOutage(t *testing.T) {
	ns := newNamespace(t)

	applyMinimalClaim(t, ns, "before")
	before := waitReady(t, ns, "before")

	scaleMinIO(t, "0")

	back := false
	t.Cleanup(func() {
		if !back {
			scaleMinIO(t, "1")
		}
	})

	applyMinimalClaim(t, ns, "during")
	waitProvisioned(t, ns, "during", tenantv1alpha1.ReasonWaitingForBucket, "the server does not answer")

	// An existing claim says what its change waits for, and keeps its Secrets.
	applyClaim(t, ns, "before", "{rotation: {trigger: now, overlap: 0s}, users: {late: {}}}")
	waitProvisioned(t, ns, "before", tenantv1alpha1.ReasonWaitingForUser, "the server does not answer")
	wantCredentials(t, ns, "before", "")

	if now := getBucketInfo(t, ns, "before", ""); now.Spec.SecretS3 != before.Spec.SecretS3 {
		t.Error("want the Secret to keep its key while no other can be made")
	}

	if _, err := list(t.Context(), tenantClient(t, before), before.Spec.BucketName); err == nil {
		t.Fatal("want the server to be down")
	}

	scaleMinIO(t, "1")

	back = true

	during := waitReady(t, ns, "during")
	waitUsers(t, ns, "before", "", "late")
	waitKeyRejected(t, before)
	before = getBucketInfo(t, ns, "before", "")

	for name, info := range map[string]tenantv1alpha1.BucketInfo{"Before": before, "During": during} {
		t.Run(name, func(t *testing.T) {
			if _, err := list(t.Context(), tenantClient(t, info), info.Spec.BucketName); err != nil {
				t.Errorf("the key does not work: %v", err)
			}
		})
	}
}

// TestFunctionOutage writes claims while no pod of the function runs. It checks that the tenant reads
// why nothing happens, that keys work, and that all is done once the function runs again.
func TestFunctionOutage(t *testing.T) {
	newVictim(t)

	f := newTenant(t)
	f.claim(t, "before", "{users: {reader: {readonly: true}}}")
	before := waitReady(t, f.ns, "before")

	scalePackage(t, "function", "function-bucket", "0")

	f.claim(t, "during", "{}")
	f.claim(t, "before", "{quota: 1Gi, users: {late: {}}}")

	for _, name := range []string{"during", "before"} {
		f.waitReads(t, name, "Synced False ReconcileError: cannot compose resources: cannot run Composition pipeline step")
	}

	// What exists stays, also what the claim no longer asks for, and so does a Secret's key.
	wantCredentials(t, f.ns, "before", "", "reader")
	testAllowed(t, before)

	scalePackage(t, "function", "function-bucket", "1")
	waitReady(t, f.ns, "during")
	waitUsers(t, f.ns, "before", "", "late")
	bucketSettings["Quota"].waitFor(t, before.Spec.BucketName, "1073741824")
	wantCredentials(t, f.ns, "before", "", "late")
	testAllowed(t, before)
}

// scaleMinIO sets the number of MinIO's pods and waits until they are gone or answer.
func scaleMinIO(t *testing.T, replicas string) {
	t.Helper()
	mustKubectl(t, "", "--namespace", "minio", "scale", "deployment/minio", "--replicas", replicas)

	if replicas == "0" {
		mustKubectl(t, "", "--namespace", "minio", "wait", "pod", "--all", "--for=delete", "--timeout=180s")
		return
	}

	mustKubectl(t, "", "--namespace", "minio", "rollout", "status", "deployment/minio", "--timeout=180s")
	await.For(t, "MinIO to answer", func() error {
		_, err := admin.S3.ListBuckets(context.Background())
		return err
	})
}
