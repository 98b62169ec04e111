//go:build e2e

package e2e

import (
	"context"
	"testing"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestMinIOOutage applies a claim while MinIO is down. It checks that the claim reports
// that it waits for its bucket, becomes ready once MinIO is up again, and that keys from
// before the outage still work.
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

	scaleMinIO(t, "1")

	back = true

	during := waitReady(t, ns, "during")

	for name, info := range map[string]tenantv1alpha1.BucketInfo{"Before": before, "During": during} {
		t.Run(name, func(t *testing.T) {
			if _, err := list(t.Context(), tenantClient(t, info), info.Spec.BucketName); err != nil {
				t.Errorf("the key does not work: %v", err)
			}
		})
	}
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
