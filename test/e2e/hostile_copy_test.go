//go:build e2e

package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
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

// TestCopyOfClaim copies a claim and its Secrets to another namespace, as an export does: with its
// status, its references and its annotations. It checks that the copy reports the Secrets that are
// not its own, and gets a bucket and keys of its own once they are gone; the original keeps all.
func TestCopyOfClaim(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "original", "{deletionPolicy: Delete, users: {reader: {readonly: true}}}")
	info := waitReady(t, ns, "original")

	if err := put(t.Context(), tenantClient(t, info), info.Spec.BucketName, "precious"); err != nil {
		t.Fatal(err)
	}

	f := newTenant(t)

	secrets := []string{"bucket-original", "bucket-original-credentials", "bucket-original-reader", "bucket-original-reader-credentials"}
	for _, s := range secrets {
		c := getSecret(t, ns, s)
		// Kubernetes would delete a Secret whose owner is in no namespace.
		c.SetOwnerReferences(nil)
		copyTo(t, f, c)
	}

	claim := &unstructured.Unstructured{}
	claim.SetGroupVersionKind(tenantv1alpha1.BucketKind)

	if err := kube.Get(t.Context(), types.NamespacedName{Namespace: ns, Name: "original"}, claim); err != nil {
		t.Fatal(err)
	}

	copyTo(t, f, claim)
	// It may be a restored claim whose Bucket is still to come.
	f.waitReads(t, "original", `Provisioned False SecretConflict: Secret "bucket-original" holds a key of bucket "`+info.Spec.BucketName+`"`)
	wantNotComposed(t, f.ns, "original")

	f.kubectl(t, "", append([]string{"delete", "secret"}, secrets...)...)

	other := waitReady(t, f.ns, "original")

	if b := getBucket(t, f.ns, "original"); meta.GetExternalName(b) != "bucket-"+string(getClaim(t, f.ns, "original").GetUID()) {
		t.Errorf("want the copy to have a bucket of its own, got %s", meta.GetExternalName(b))
	}

	wantCredentials(t, f.ns, "original", "", "reader")
	wantOwnBucketOnly(t, other, info.Spec.BucketName)

	f.kubectl(t, "", "delete", "buckets.apps.cozystack.io/original")
	waitNothingLeft(t, f.ns, other)
	wantObjectIntact(t, info.Spec.BucketName)
	wantCredentials(t, ns, "original", "", "reader")

	if now := waitReady(t, ns, "original"); now.Spec.SecretS3 != info.Spec.SecretS3 {
		t.Error("the credentials of the original have changed")
	}
}

// copyTo creates a copy of an object as a tenant, in its namespace.
func copyTo(t *testing.T, f tenant, o client.Object) {
	t.Helper()
	o.SetNamespace(f.ns)
	o.SetUID("")
	o.SetResourceVersion("")

	if err := f.kube.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}
