//go:build e2e

package e2e

import (
	"context"
	"testing"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestMinIODown claims a bucket while MinIO is away: the claim says so, and is
// ready by itself once MinIO is back. What was there before is there again.
func TestMinIODown(t *testing.T) {
	ns := newNamespace(t)

	claim(t, ns, "before")
	before := waitReady(t, ns, "before")

	scaleMinIO(t, "0")

	back := false
	t.Cleanup(func() {
		if !back {
			scaleMinIO(t, "1")
		}
	})

	claim(t, ns, "during")
	waitProvisioned(t, ns, "during", tenantv1alpha1.ReasonWaitingForBucket, "cannot read bucket")

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
