//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// newBucketToPurge creates a Bucket whose contents are purged when it is deleted.
func newBucketToPurge(t *testing.T, name string, f func(*miniov1alpha1.BucketParameters)) *miniov1alpha1.Bucket {
	t.Helper()

	b := newBucket(newNamespace(t), name)
	b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge
	f(&b.Spec.ForProvider)
	create(t, b)
	waitAvailable(t, b)

	return b
}

// TestBucketPurge checks that deleting a Bucket with whenNotEmpty Purge removes the
// bucket with everything that a bucket can hold.
func TestBucketPurge(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		reason string
		// objects is how many objects the bucket holds besides bucketContents.
		objects int
	}{
		"Contents": {reason: "An object, noncurrent versions, delete markers and an incomplete upload are deleted."},
		"Pages":    {reason: "More objects are deleted than one list request or one delete request covers.", objects: 1100},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			ctx := t.Context()
			b := newBucketToPurge(t, strings.ToLower(name), func(p *miniov1alpha1.BucketParameters) {
				p.Versioning = new(miniov1alpha1.VersioningEnabled)
			})

			for _, c := range []string{"Versions", "Object", "Upload"} {
				if err := bucketContents[c].create(ctx, admin.S3, b.Name); err != nil {
					t.Fatalf("%s\ncannot create it: %v", bucketContents[c].reason, err)
				}
			}

			for i := range tc.objects {
				if err := put(ctx, admin.S3, b.Name, fmt.Sprintf("photos/%d", i)); err != nil {
					t.Fatal(err)
				}
			}

			mustKubectl(t, "", "delete", "--namespace", b.Namespace, "--wait=false", "buckets.minio.cistern.dev/"+b.Name)
			await.Gone(t, kube, b)

			if exists, err := admin.S3.BucketExists(ctx, b.Name); err != nil || exists {
				t.Errorf("%s\nwant the bucket to be removed, got exists=%t, %v", tc.reason, exists, err)
			}
		})
	}
}

// TestBucketPurgeKeepsLockedObjects checks that a purge keeps a locked object and its
// bucket, reports the lock, and goes on once an administrator has deleted the object.
func TestBucketPurgeKeepsLockedObjects(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	b := newBucketToPurge(t, "locked", func(p *miniov1alpha1.BucketParameters) {
		p.ObjectLocking = true
		p.Retention = &miniov1alpha1.Retention{Mode: miniov1alpha1.RetentionGovernance, Days: new(int32(1))}
	})
	// The namespace can only be deleted without the locked object.
	t.Cleanup(func() { overrideLocks(t, b.Name) })

	if err := put(ctx, admin.S3, b.Name, "precious"); err != nil {
		t.Fatal(err)
	}

	mustKubectl(t, "", "delete", "--namespace", b.Namespace, "--wait=false", "buckets.minio.cistern.dev/"+b.Name)
	await.For(t, "the Bucket to report that objects are locked", func() error {
		if err := kube.Get(ctx, client.ObjectKeyFromObject(b), b); err != nil {
			return err
		}

		purging, synced := b.GetCondition(miniov1alpha1.ConditionPurging), b.GetCondition(xpv1.TypeSynced)
		if purging.Status == corev1.ConditionTrue && purging.Reason == miniov1alpha1.ReasonPurging &&
			strings.Contains(purging.Message, `locked, such as "precious" (GOVERNANCE until`) &&
			synced.Status == corev1.ConditionFalse && strings.Contains(synced.Message, "locked") {
			return nil
		}

		return errors.New(string(purging.Reason) + ": " + purging.Message + "; " + synced.Message)
	})
	wantObjectIntact(t, b.Name)

	// The provider retries without a change of the Bucket.
	overrideLocks(t, b.Name)
	await.Gone(t, kube, b)

	if exists, err := admin.S3.BucketExists(ctx, b.Name); err != nil || exists {
		t.Errorf("want the bucket to be removed, got exists=%t, %v", exists, err)
	}
}

// overrideLocks deletes all versions of a bucket's objects, locked ones included, as
// an administrator with s3:BypassGovernanceRetention can.
func overrideLocks(t *testing.T, bucket string) {
	t.Helper()

	ctx := context.Background()

	for v := range admin.S3.ListObjects(ctx, bucket, miniogo.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		err := v.Err
		if err == nil {
			err = admin.S3.RemoveObject(ctx, bucket, v.Key, miniogo.RemoveObjectOptions{VersionID: v.VersionID, GovernanceBypass: true})
		}

		if code := miniogo.ToErrorResponse(err).Code; err != nil && code != miniogo.NoSuchBucket {
			t.Fatalf("cannot override the locks of bucket %q: %v", bucket, err)
		}
	}
}
