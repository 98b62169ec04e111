//go:build e2e

package e2e

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	"k8s.io/apimachinery/pkg/types"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
)

// deleteClaim deletes a claim and returns everything that kubectl prints, warnings
// included.
func deleteClaim(t *testing.T, ns, name string) string {
	t.Helper()

	out, err := exec.CommandContext(t.Context(), plat.KubectlPath, "--kubeconfig", plat.Kubeconfig,
		"delete", "--namespace", ns, "bucket.apps.cozystack.io/"+name).CombinedOutput()
	if err != nil {
		t.Fatalf("cannot delete claim %s: %v: %s", name, err, out)
	}

	return string(out)
}

// waitKeyRejected waits until the server rejects a key.
func waitKeyRejected(t *testing.T, info tenantv1alpha1.BucketInfo) {
	t.Helper()

	s3 := tenantClient(t, info)
	await.For(t, "the key to be rejected", func() error {
		if _, err := list(t.Context(), s3, info.Spec.BucketName); err == nil {
			return errors.New("the key works")
		}

		return nil
	})
}

// removeAfterTest removes a bucket and its contents from the server after the test.
func removeAfterTest(t *testing.T, bucket string) {
	t.Helper()
	t.Cleanup(func() {
		err := admin.S3.RemoveBucketWithOptions(context.Background(), bucket, miniogo.RemoveBucketOptions{ForceDelete: true})
		if err != nil && miniogo.ToErrorResponse(err).Code != miniogo.NoSuchBucket {
			t.Errorf("cannot remove bucket %s: %v", bucket, err)
		}
	})
}

// TestClaimRetain deletes a claim with deletionPolicy Retain. It checks that kubectl
// names the bucket that stays, that the object is kept and the key is rejected, and
// that the platform team can have another claim adopt the bucket, but a tenant cannot.
func TestClaimRetain(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "kept", "{deletionPolicy: Retain, quota: 1Gi, lifecycle: [{expireAfterDays: 1}]}")

	before := waitReady(t, ns, "kept")
	bucket := before.Spec.BucketName

	removeAfterTest(t, bucket)

	if err := put(t.Context(), tenantClient(t, before), bucket, "precious"); err != nil {
		t.Fatal(err)
	}

	if out := deleteClaim(t, ns, "kept"); !strings.Contains(out, `Warning: bucket "`+bucket+`" stays on the server`) {
		t.Errorf("want a warning that names the bucket that stays, got %s", out)
	}

	waitKeyRejected(t, before)

	if keys, err := list(t.Context(), admin.S3, bucket); err != nil || !slices.Equal(keys, []string{"precious"}) {
		t.Fatalf("want the object to be kept, got %q, %v", keys, err)
	}

	if err := bucketSettings["AnonymousDownload"].drift(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}

	// A new claim of the same name gets a new bucket.
	applyClaim(t, ns, "kept", "{}")

	again := waitReady(t, ns, "kept")
	if again.Spec.BucketName == bucket {
		t.Fatal("want a new claim of the same name to get a new bucket, got the retained one")
	}

	removeAfterTest(t, again.Spec.BucketName)

	own := "buckets.minio.cistern.dev/" + again.Spec.BucketName
	adopt := "crossplane.io/external-name=" + bucket

	wantForbidden(t, ns, "annotate", "--overwrite", own, adopt)
	wantForbidden(t, ns, "get", own)

	// A tenant may annotate its claim, which must have no effect.
	mustKubectl(t, "", "annotate", "--as=tenant", "--as-group=tenants:"+ns, "--namespace", ns, "bucket.apps.cozystack.io/kept", adopt)

	if err := put(t.Context(), tenantClient(t, again), bucket, "stolen"); miniogo.ToErrorResponse(err).Code != miniogo.AccessDenied {
		t.Errorf("want the new claim's key to be denied on the retained bucket, got %v", err)
	}

	// The platform team may annotate the Bucket, which then adopts the retained bucket.
	mustKubectl(t, "", "annotate", "--namespace", ns, "--overwrite", own, adopt)

	await.For(t, "the claim to adopt the retained bucket", func() error {
		if got := getClaim(t, ns, "kept").Status.BucketName; got != bucket {
			return errors.New("its bucket is " + got)
		}

		return nil
	})

	after := waitReady(t, ns, "kept")
	s3 := tenantClient(t, after)

	// Nothing that the former claim set is left, nor what was set without a claim.
	bucketSettings["Quota"].waitFor(t, bucket, bucketSettings["Quota"].wantRemoved)
	bucketSettings["Lifecycle"].waitFor(t, bucket, bucketSettings["Lifecycle"].wantRemoved)
	bucketSettings["AnonymousDownload"].waitFor(t, bucket, bucketSettings["AnonymousDownload"].wantRemoved)

	await.For(t, "the key to list the retained bucket", func() error {
		keys, err := list(t.Context(), s3, bucket)
		if err == nil && !slices.Contains(keys, "precious") {
			err = errors.New(strings.Join(keys, ", "))
		}

		return err
	})

	if _, err := list(t.Context(), s3, again.Spec.BucketName); miniogo.ToErrorResponse(err).Code != miniogo.AccessDenied {
		t.Errorf("want the claim's key to be denied on the bucket that it had before, got %v", err)
	}

	if info, err := api.BucketInfo(t.Context(), kube, ns, "kept", ""); err != nil || info.Spec.BucketName != bucket {
		t.Errorf("want the Secret to name bucket %s, got %s, %v", bucket, info.Spec.BucketName, err)
	}

	empty(t, s3, bucket)
}

// wantForbidden checks that a kubectl command is forbidden to a tenant that has the
// role edit in its namespace.
func wantForbidden(t *testing.T, ns string, args ...string) {
	t.Helper()

	_, err := plat.Kubectl(t.Context(), "", "create", "rolebinding", "tenants", "--namespace", ns, "--clusterrole=edit", "--group=tenants:"+ns)
	if err != nil && !strings.Contains(err.Error(), "already exists") {
		t.Fatal(err)
	}

	args = append(args, "--namespace", ns, "--as=tenant", "--as-group=tenants:"+ns)
	wantKubectlError(t, "", args, "forbidden")
}

// TestClaimDelete checks that deleting a claim with deletionPolicy Delete removes its
// bucket with everything in it.
func TestClaimDelete(t *testing.T) {
	t.Parallel()

	for name, tc := range bucketContents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			ns := newNamespace(t)
			applyClaim(t, ns, "full", "{deletionPolicy: Delete}")

			info := waitReady(t, ns, "full")
			if err := tc.create(t.Context(), tenantClient(t, info), info.Spec.BucketName); err != nil {
				t.Fatalf("%s\n%v", tc.reason, err)
			}

			deleteClaim(t, ns, "full")
			waitNothingLeft(t, ns, info)
		})
	}
}

// TestClaimDeleteTakenBack changes deletionPolicy from Delete to DeleteIfEmpty and
// deletes the claim right after. It checks that the deletion is denied and the object
// kept, though the Bucket may not have the new policy yet.
func TestClaimDeleteTakenBack(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "careful", "{deletionPolicy: Delete}")

	info := waitReady(t, ns, "careful")
	s3 := tenantClient(t, info)

	if err := put(t.Context(), s3, info.Spec.BucketName, "precious"); err != nil {
		t.Fatal(err)
	}

	setPolicy := func(policy string) {
		mustKubectl(t, "", "patch", "--namespace", ns, "bucket.apps.cozystack.io/careful", "--type=merge",
			`--patch={"spec":{"deletionPolicy":"`+policy+`"}}`)
	}

	for range 2 {
		setPolicy("DeleteIfEmpty")
		wantKubectlError(t, "", []string{"delete", "--namespace", ns, "--wait=false", "bucket.apps.cozystack.io/careful"}, "nothing was deleted")
		setPolicy("Delete")
		waitReady(t, ns, "careful")
	}

	if keys, err := list(t.Context(), s3, info.Spec.BucketName); err != nil || !slices.Equal(keys, []string{"precious"}) {
		t.Errorf("want the object to be kept, got %q, %v", keys, err)
	}
}

// lockedFor is how long an object is locked in tests.
const lockedFor = 20 * time.Second

// TestClaimLockedBucketIsRetained checks that deleting a claim with locking keeps the
// bucket and its locked objects, as with deletionPolicy Retain.
func TestClaimLockedBucketIsRetained(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "locked", "{locking: true}")

	info := waitReady(t, ns, "locked")
	bucket, s3 := info.Spec.BucketName, tenantClient(t, info)

	b := &miniov1alpha1.Bucket{}
	if err := kube.Get(t.Context(), types.NamespacedName{Namespace: ns, Name: bucket}, b); err != nil {
		t.Fatal(err)
	}

	bucketSettings["Retention"].waitFor(t, bucket, "COMPLIANCE 365 DAYS")

	// The object is locked for seconds, so that the test can remove it.
	locked, err := admin.S3.PutObject(t.Context(), bucket, "precious", strings.NewReader("some text"), 9, miniogo.PutObjectOptions{
		Mode: miniogo.Governance, RetainUntilDate: time.Now().Add(lockedFor), SendContentMd5: true,
	})
	if err != nil {
		t.Fatal(err)
	}

	err = s3.RemoveObject(t.Context(), bucket, "precious", miniogo.RemoveObjectOptions{VersionID: locked.VersionID})
	if err == nil {
		t.Error("want the locked version to be kept, but it was deleted")
	}

	if out := deleteClaim(t, ns, "locked"); !strings.Contains(out, `bucket "`+bucket+`" stays on the server`) {
		t.Errorf("want a warning that names the bucket that stays, got %s", out)
	}

	await.Gone(t, kube, b)
	waitKeyRejected(t, info)

	if _, err := admin.S3.StatObject(t.Context(), bucket, "precious", miniogo.StatObjectOptions{}); err != nil {
		t.Errorf("want the object to be kept, got %v", err)
	}

	await.For(t, "the lock to end", func() error {
		return admin.S3.RemoveObject(t.Context(), bucket, "precious", miniogo.RemoveObjectOptions{VersionID: locked.VersionID})
	})
	empty(t, admin.S3, bucket)

	if err := admin.S3.RemoveBucket(t.Context(), bucket); err != nil {
		t.Errorf("cannot remove bucket %s: %v", bucket, err)
	}
}
