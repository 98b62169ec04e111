//go:build e2e

package e2e

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// bucketContents are the contents for which the deletion of a bucket is denied, each on
// its own, and what the message calls them.
var bucketContents = map[string]struct {
	reason string
	create func(ctx context.Context, s3 *miniogo.Client, bucket string) error
	text   string
}{
	"Object": {
		reason: "An object is data of the tenant.",
		create: func(ctx context.Context, s3 *miniogo.Client, bucket string) error {
			return put(ctx, s3, bucket, "precious")
		},
		text: "1 object",
	},
	"Versions": {
		reason: "A deleted object with noncurrent versions can be restored.",
		create: func(ctx context.Context, s3 *miniogo.Client, bucket string) error {
			return errors.Join(
				admin.S3.EnableVersioning(ctx, bucket),
				put(ctx, s3, bucket, "precious"),
				remove(ctx, s3, bucket, "precious"))
		},
		text: "version",
	},
	"Upload": {
		reason: "An incomplete upload has parts on the server.",
		create: func(ctx context.Context, s3 *miniogo.Client, bucket string) error {
			core := miniogo.Core{Client: s3}

			id, err := core.NewMultipartUpload(ctx, bucket, "precious", miniogo.PutObjectOptions{})
			if err != nil {
				return err
			}

			_, err = core.PutObjectPart(ctx, bucket, "precious", id, 1, strings.NewReader("some text"), 9, miniogo.PutObjectPartOptions{})

			return err
		},
		text: "1 incomplete upload",
	},
}

// empty deletes all bucketContents of a bucket.
func empty(t testing.TB, s3 *miniogo.Client, bucket string) {
	t.Helper()

	ctx := context.Background()

	for v := range s3.ListObjects(ctx, bucket, miniogo.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if v.Err != nil {
			t.Fatalf("cannot list the objects of bucket %q: %v", bucket, v.Err)
		}

		if err := s3.RemoveObject(ctx, bucket, v.Key, miniogo.RemoveObjectOptions{VersionID: v.VersionID}); err != nil {
			t.Fatalf("cannot empty bucket %q: %v", bucket, err)
		}
	}

	if err := s3.RemoveIncompleteUpload(ctx, bucket, "precious"); err != nil {
		t.Fatalf("cannot empty bucket %q: %v", bucket, err)
	}
}

// wantDeletionDenied checks that a deletion is denied, with and without dry run, with a
// message that contains all texts, and that the resource is not being deleted.
func wantDeletionDenied(t testing.TB, ns, resource string, texts ...string) {
	t.Helper()

	for _, dryRun := range []string{"server", "none"} {
		wantKubectlError(t, "", []string{"delete", "--namespace", ns, "--wait=false", "--dry-run=" + dryRun, resource}, texts...)
	}

	if got := mustKubectl(t, "", "get", "--namespace", ns, resource, "--output=jsonpath={.metadata.deletionTimestamp}"); got != "" {
		t.Errorf("want %s not to be deleted, got deletionTimestamp %s", resource, got)
	}
}

// TestDeletionDenied checks that neither a claim nor its Bucket can be deleted while the
// bucket is not empty, and that the claim can be deleted once the tenant has emptied it.
func TestDeletionDenied(t *testing.T) {
	t.Parallel()

	for name, tc := range bucketContents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			ns := newNamespace(t)
			applyMinimalClaim(t, ns, "full")
			info := waitReady(t, ns, "full")
			bucket, s3 := info.Spec.BucketName, tenantClient(t, info)

			if err := tc.create(t.Context(), s3, bucket); err != nil {
				t.Fatalf("%s\ncannot create it: %v", tc.reason, err)
			}

			wantDeletionDenied(t, ns, "buckets.apps.cozystack.io/full",
				`bucket "`+bucket+`" still holds`, tc.text, "nothing was deleted",
				"delete its objects with all their versions",
				"set spec.deletionPolicy of the claim to Delete",
				"to Retain, which leaves the bucket on the server")
			wantDeletionDenied(t, ns, "buckets.minio.cistern.dev/"+bucket,
				`bucket "`+bucket+`" still holds`, tc.text, "nothing was deleted", "spec.forProvider.whenNotEmpty to Purge")

			// The claim is still ready, and its key can empty the bucket.
			waitReady(t, ns, "full")

			empty(t, s3, bucket)
			mustKubectl(t, "", "delete", "--namespace", ns, "buckets.apps.cozystack.io/full")
			waitNothingLeft(t, ns, info)
		})
	}
}

// TestDeletionAllowed checks that Buckets can be deleted whose bucket holds an object
// that is either to be purged or not lost.
func TestDeletionAllowed(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		reason string
		change func(*miniov1alpha1.Bucket)
		// stays reports whether the bucket stays on the server with its object.
		stays bool
	}{
		"Purge": {
			reason: "whenNotEmpty Purge asks for the contents to be deleted.",
			change: func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge },
		},
		"Orphan": {
			reason: "Without the management policy Delete the bucket stays on the server.",
			change: func(b *miniov1alpha1.Bucket) {
				b.Spec.ManagementPolicies = xpv1.ManagementPolicies{
					xpv1.ManagementActionObserve, xpv1.ManagementActionCreate, xpv1.ManagementActionUpdate,
				}
			},
			stays: true,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			ctx, ns := t.Context(), newNamespace(t)
			b := newBucket(ns, strings.ToLower(name))
			create(t, b)
			waitAvailable(t, b)

			if err := put(ctx, admin.S3, b.Name, "precious"); err != nil {
				t.Fatal(err)
			}

			wantDeletionDenied(t, ns, "buckets.minio.cistern.dev/"+b.Name, "1 object")
			await.Change(t, kube, b, tc.change)
			mustKubectl(t, "", "delete", "--namespace", ns, "--wait=false", "buckets.minio.cistern.dev/"+b.Name)
			await.Gone(t, kube, b)

			exists, err := admin.S3.BucketExists(ctx, b.Name)
			if err != nil || exists != tc.stays {
				t.Fatalf("%s\nwant the bucket to exist: %t, got %t, %v", tc.reason, tc.stays, exists, err)
			}

			if tc.stays {
				wantObjectIntact(t, b.Name)
			}
		})
	}

	t.Run("Foreign", func(t *testing.T) {
		t.Parallel()

		ctx, ns := t.Context(), newNamespace(t)
		b := newBucket(ns, "foreign")

		if err := errors.Join(admin.S3.MakeBucket(ctx, b.Name, makeOptions), put(ctx, admin.S3, b.Name, "precious")); err != nil {
			t.Fatal(err)
		}

		create(t, b)
		waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, "was not made by this resource")
		mustKubectl(t, "", "delete", "--namespace", ns, "--wait=false", "buckets.minio.cistern.dev/"+b.Name)
		await.Gone(t, kube, b)
		wantObjectIntact(t, b.Name)
	})

	t.Run("Missing", func(t *testing.T) {
		t.Parallel()

		ns := newNamespace(t)
		b := newBucket(ns, "missing")
		create(t, b)
		waitAvailable(t, b)

		if err := admin.S3.RemoveBucket(t.Context(), b.Name); err != nil {
			t.Fatal(err)
		}

		mustKubectl(t, "", "delete", "--namespace", ns, "--wait=false", "buckets.minio.cistern.dev/"+b.Name)
		await.Gone(t, kube, b)
	})
}

// wantObjectIntact checks that a bucket's object precious has the content that put
// wrote.
func wantObjectIntact(t testing.TB, bucket string) {
	t.Helper()

	o, err := admin.S3.GetObject(context.Background(), bucket, "precious", miniogo.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()

	if b, err := io.ReadAll(o); err != nil || string(b) != "some text" {
		t.Errorf("want the object of bucket %q to be unchanged, got %q, %v", bucket, b, err)
	}
}
