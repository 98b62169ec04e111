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
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/clients"
)

// deleteClaim deletes a claim and returns all that kubectl prints, warnings
// among it.
func deleteClaim(t *testing.T, ns, name string) string {
	t.Helper()

	out, err := exec.CommandContext(t.Context(), plat.KubectlPath, "--kubeconfig", plat.Kubeconfig,
		"delete", "--namespace", ns, "bucket.apps.cozystack.io/"+name).CombinedOutput()
	if err != nil {
		t.Fatalf("cannot delete claim %s: %v: %s", name, err, out)
	}

	return string(out)
}

// waitKeyRejected waits until a key is refused.
func waitKeyRejected(t *testing.T, info tenantv1alpha1.BucketInfo) {
	t.Helper()

	s3 := tenantClient(t, info)
	await.For(t, "the key to be refused", func() error {
		if _, err := list(t.Context(), s3, info.Spec.BucketName); err == nil {
			return errors.New("it works")
		}

		return nil
	})
}

// removeAfterTest removes a bucket that a test leaves on the server, with what is in it.
func removeAfterTest(t *testing.T, bucket string) {
	t.Helper()
	t.Cleanup(func() {
		err := admin.S3.RemoveBucketWithOptions(context.Background(), bucket, miniogo.RemoveBucketOptions{ForceDelete: true})
		if err != nil && miniogo.ToErrorResponse(err).Code != miniogo.NoSuchBucket {
			t.Errorf("cannot remove bucket %s: %v", bucket, err)
		}
	})
}

// TestClaimRetain deletes a claim whose bucket is retained, with an object in it:
// kubectl says under which name the bucket stays, and the key ends. The platform
// team can have another claim take the bucket over; a tenant cannot.
func TestClaimRetain(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "kept", "{deletionPolicy: Retain}")

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

	// The tenant claims again, and gets a bucket without it.
	applyClaim(t, ns, "kept", "{}")

	again := waitReady(t, ns, "kept")
	if again.Spec.BucketName == bucket {
		t.Fatal("a claim of the same name got the bucket of the one before it")
	}

	removeAfterTest(t, again.Spec.BucketName)

	own := "buckets.minio.cistern.dev/" + again.Spec.BucketName
	adopt := "crossplane.io/external-name=" + bucket

	wantForbidden(t, ns, "annotate", "--overwrite", own, adopt)
	wantForbidden(t, ns, "get", own)

	// What it may do, is of no use.
	mustKubectl(t, "", "annotate", "--as=tenant", "--as-group=tenants:"+ns, "--namespace", ns, "bucket.apps.cozystack.io/kept", adopt)

	if err := put(t.Context(), tenantClient(t, again), bucket, "stolen"); miniogo.ToErrorResponse(err).Code != miniogo.AccessDenied {
		t.Errorf("want the retained bucket to be closed to the new claim, got %v", err)
	}

	// The platform team can.
	mustKubectl(t, "", "annotate", "--namespace", ns, "--overwrite", own, adopt)

	await.For(t, "the claim to be on the bucket of before", func() error {
		if got := getClaim(t, ns, "kept").Status.BucketName; got != bucket {
			return errors.New("it is on " + got)
		}

		return nil
	})

	after := waitReady(t, ns, "kept")
	s3 := tenantClient(t, after)

	await.For(t, "the key to open the bucket of before", func() error {
		keys, err := list(t.Context(), s3, bucket)
		if err == nil && !slices.Equal(keys, []string{"precious"}) {
			err = errors.New(strings.Join(keys, ", "))
		}

		return err
	})

	if _, err := list(t.Context(), s3, again.Spec.BucketName); miniogo.ToErrorResponse(err).Code != miniogo.AccessDenied {
		t.Errorf("want the other bucket to be closed now, got %v", err)
	}

	if info, err := clients.BucketInfo(t.Context(), kube, ns, "kept", ""); err != nil || info.Spec.BucketName != bucket {
		t.Errorf("want the Secret to name bucket %s, got %s, %v", bucket, info.Spec.BucketName, err)
	}

	empty(t, s3, bucket)
}

// wantForbidden wants a command to be forbidden to a tenant who may edit its
// namespace.
func wantForbidden(t *testing.T, ns string, args ...string) {
	t.Helper()

	if _, err := plat.Kubectl(t.Context(), "", "create", "rolebinding", "tenants", "--namespace", ns, "--clusterrole=edit", "--group=tenants:"+ns); err != nil &&
		!strings.Contains(err.Error(), "already exists") {
		t.Fatal(err)
	}

	args = append(args, "--namespace", ns, "--as=tenant", "--as-group=tenants:"+ns)
	wantKubectlError(t, "", args, "forbidden")
}

// TestClaimDelete deletes a claim whose bucket goes with all that is in it.
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

// TestClaimDeleteTakenBack takes Delete back and deletes the claim right after: what
// is in the bucket is not lost, whichever comes first.
func TestClaimDeleteTakenBack(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "careful", "{deletionPolicy: Delete}")

	info := waitReady(t, ns, "careful")
	s3 := tenantClient(t, info)

	if err := put(t.Context(), s3, info.Spec.BucketName, "precious"); err != nil {
		t.Fatal(err)
	}

	for range 2 {
		mustKubectl(t, "", "patch", "--namespace", ns, "bucket.apps.cozystack.io/careful", "--type=merge", `--patch={"spec":{"deletionPolicy":"DeleteIfEmpty"}}`)
		wantKubectlError(t, "", []string{"delete", "--namespace", ns, "--wait=false", "bucket.apps.cozystack.io/careful"}, "nothing was deleted")
		mustKubectl(t, "", "patch", "--namespace", ns, "bucket.apps.cozystack.io/careful", "--type=merge", `--patch={"spec":{"deletionPolicy":"Delete"}}`)
		waitReady(t, ns, "careful")
	}

	if keys, err := list(t.Context(), s3, info.Spec.BucketName); err != nil || !slices.Equal(keys, []string{"precious"}) {
		t.Errorf("want the object to be there, got %q, %v", keys, err)
	}
}

// lockedFor is how long an object is locked in tests.
const lockedFor = 20 * time.Second

// TestClaimLockedBucketIsRetained wants a bucket with locking to be kept with its objects,
// whatever the claim says of deletion.
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

	// Locked for a moment, so that nothing stays on the server for a year.
	locked, err := admin.S3.PutObject(t.Context(), bucket, "precious", strings.NewReader("some text"), 9, miniogo.PutObjectOptions{
		Mode: miniogo.Governance, RetainUntilDate: time.Now().Add(lockedFor), SendContentMd5: true,
	})
	if err != nil {
		t.Fatal(err)
	}

	err = s3.RemoveObject(t.Context(), bucket, "precious", miniogo.RemoveObjectOptions{VersionID: locked.VersionID})
	if err == nil {
		t.Error("a locked version was deleted")
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
