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

// bucketContents are what keeps a bucket from being deleted, each on its own, and how
// the refusal calls it.
var bucketContents = map[string]struct {
	reason string
	create func(ctx context.Context, s3 *miniogo.Client, bucket string) error
	text   string
}{
	"Object": {
		reason: "An object is what a bucket is for.",
		create: func(ctx context.Context, s3 *miniogo.Client, bucket string) error {
			return put(ctx, s3, bucket, "precious")
		},
		text: "1 object",
	},
	"Versions": {
		reason: "A deleted object whose versions are kept can be had back.",
		create: func(ctx context.Context, s3 *miniogo.Client, bucket string) error {
			return errors.Join(admin.S3.EnableVersioning(ctx, bucket), put(ctx, s3, bucket, "precious"), remove(ctx, s3, bucket, "precious"))
		},
		text: "version",
	},
	"Upload": {
		reason: "An upload that is under way has data on the server already.",
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

// empty deletes all that bucketContents leave.
func empty(t testing.TB, s3 *miniogo.Client, bucket string) {
	t.Helper()

	ctx := context.Background()

	for v := range s3.ListObjects(ctx, bucket, miniogo.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if v.Err != nil {
			t.Fatalf("cannot list what is in bucket %q: %v", bucket, v.Err)
		}

		if err := s3.RemoveObject(ctx, bucket, v.Key, miniogo.RemoveObjectOptions{VersionID: v.VersionID}); err != nil {
			t.Fatalf("cannot empty bucket %q: %v", bucket, err)
		}
	}

	if err := s3.RemoveIncompleteUpload(ctx, bucket, "precious"); err != nil {
		t.Fatalf("cannot empty bucket %q: %v", bucket, err)
	}
}

// wantDeletionDenied wants a deletion to be refused, also as a dry run, and nothing to
// have become of the resource.
func wantDeletionDenied(t testing.TB, ns, resource string, texts ...string) {
	t.Helper()

	for _, dryRun := range []string{"server", "none"} {
		wantKubectlError(t, "", []string{"delete", "--namespace", ns, "--wait=false", "--dry-run=" + dryRun, resource}, texts...)
	}

	if got := mustKubectl(t, "", "get", "--namespace", ns, resource, "--output=jsonpath={.metadata.deletionTimestamp}"); got != "" {
		t.Errorf("%s is being deleted since %s, though that was refused", resource, got)
	}
}

// TestDeletionDenied leaves something in a claim's bucket: neither the claim
// nor its Bucket can be deleted, until the tenant has emptied the bucket.
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
				t.Fatalf("%s\ncannot leave it: %v", tc.reason, err)
			}

			wantDeletionDenied(t, ns, "buckets.apps.cozystack.io/full",
				`bucket "`+bucket+`" still holds`, tc.text, "nothing was deleted", "delete its objects with all their versions", "set spec.deletionPolicy of the claim to Delete", "to Retain, which leaves the bucket on the server")
			wantDeletionDenied(t, ns, "buckets.minio.cistern.dev/"+bucket,
				`bucket "`+bucket+`" still holds`, tc.text, "nothing was deleted", "spec.forProvider.whenNotEmpty to Purge")

			// All of it is as before, and the tenant's keys do what they were told.
			if status := getClaim(t, ns, "full").Status.GetCondition(xpv1.TypeReady).Status; status != corev1.ConditionTrue {
				t.Errorf("the claim is Ready=%s", status)
			}

			empty(t, s3, bucket)
			mustKubectl(t, "", "delete", "--namespace", ns, "buckets.apps.cozystack.io/full")
			waitNothingLeft(t, ns, info)
		})
	}
}

// TestDeletionAllowed deletes Buckets that hold an object and need not be
// kept for it.
func TestDeletionAllowed(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		reason string
		change func(*miniov1alpha1.Bucket)
		// stays says whether the bucket with its object outlives the resource.
		stays bool
	}{
		"Purge": {
			reason: "Whoever asks for a purge knows that there is something.",
			change: func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge },
		},
		"Orphan": {
			reason: "What stays on the server is not lost.",
			change: func(b *miniov1alpha1.Bucket) {
				b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve, xpv1.ManagementActionCreate, xpv1.ManagementActionUpdate}
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

			there, err := admin.S3.BucketExists(ctx, b.Name)
			if err != nil || there != tc.stays {
				t.Fatalf("%s\nthe bucket is there: %t, %v", tc.reason, there, err)
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

// wantObjectIntact wants an object to be as it was left.
func wantObjectIntact(t testing.TB, bucket string) {
	t.Helper()

	o, err := admin.S3.GetObject(context.Background(), bucket, "precious", miniogo.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()

	if b, err := io.ReadAll(o); err != nil || string(b) != "some text" {
		t.Errorf("the object of bucket %q is lost: got %q, %v", bucket, b, err)
	}
}
