//go:build e2e

package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestCopyOfComposedResources copies the Bucket and the User of a claim into other namespaces, as
// a restore of a backup and an export do, and deletes the copies in each way. Neither the claim
// nor its bucket and key may notice.
func TestCopyOfComposedResources(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		reason string
		spec   string
		// controlled keeps the reference to the claim, so that Kubernetes deletes the copy.
		controlled bool
	}{
		"Purged":     {reason: "The bucket of the copy would be purged.", spec: "{deletionPolicy: Delete}"},
		"DenyDelete": {reason: "The webhook does not ask about the bucket of a copy.", spec: "{}"},
		"Exported":   {reason: "An export keeps the owner, which is in no other namespace.", spec: "{deletionPolicy: Delete}", controlled: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			ctx, ns := t.Context(), newNamespace(t)
			applyClaim(t, ns, "original", tc.spec)
			info := waitReady(t, ns, "original")
			t.Cleanup(func() { empty(t, admin.S3, info.Spec.BucketName) })

			if err := put(ctx, admin.S3, info.Spec.BucketName, "precious"); err != nil {
				t.Fatal(err)
			}

			userName, _ := connectionNames(t, ns, "original", "")
			u := &miniov1alpha1.User{}

			if err := kube.Get(ctx, types.NamespacedName{Namespace: ns, Name: userName}, u); err != nil {
				t.Fatal(err)
			}

			other := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-copies-"}}
			create(t, other)

			copies := []resource.Managed{getBucket(t, ns, "original"), u}
			for _, c := range copies {
				c.SetNamespace(other.Name)
				c.SetUID("")
				c.SetResourceVersion("")

				if !tc.controlled {
					c.SetOwnerReferences(nil)
				}

				create(t, c)
			}

			for _, c := range copies {
				if tc.controlled {
					await.Gone(t, kube, c)
				} else {
					waitCondition(t, c, xpv1.TypeSynced, corev1.ConditionFalse, "is a copy")
				}
			}

			if err := kube.Delete(ctx, other); err != nil {
				t.Fatal(err)
			}

			await.Gone(t, kube, other)
			wantObjectIntact(t, info.Spec.BucketName)

			if _, err := tenantClient(t, info).StatObject(ctx, info.Spec.BucketName, "precious", statOptions); err != nil {
				t.Errorf("%s\nwant the key of the claim to work, got %v", tc.reason, err)
			}

			if now := waitReady(t, ns, "original"); now.Spec.SecretS3 != info.Spec.SecretS3 {
				t.Errorf("%s\nthe credentials of the claim have changed", tc.reason)
			}
		})
	}
}
