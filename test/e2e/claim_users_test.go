//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/sse"
	"github.com/minio/minio-go/v7/pkg/tags"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
)

// TestClaimUsers checks that each user of a claim has Secrets and a key of its own, that
// the status lists the users in order, and that each key allows what its user may do.
func TestClaimUsers(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	// The bucket is purged when its namespace is deleted.
	applyClaim(t, ns, "shared", "{deletionPolicy: Delete, users: {writer: {}, 1-reader: {readonly: true}, reader: {readonly: true}}}")
	own := waitReady(t, ns, "shared")

	users := []string{"", "1-reader", "reader", "writer"}
	wantCredentials(t, ns, "shared", users...)

	want := make([]tenantv1alpha1.CredentialsStatus, 0, len(users))
	seen := map[string]bool{}

	for _, u := range users {
		access := tenantv1alpha1.AccessReadOnly
		if u == "" || u == "writer" {
			access = tenantv1alpha1.AccessReadWrite
		}

		id := getBucketInfo(t, ns, "shared", u).Spec.SecretS3.AccessKeyID
		if seen[id] {
			t.Errorf("want user %q to have a key of its own", u)
		}

		seen[id] = true

		want = append(want, tenantv1alpha1.CredentialsStatus{
			User: u, Access: access, AccessKeyID: tenantv1alpha1.MaskAccessKeyID(id),
			SecretName: tenantv1alpha1.SecretNameFor("shared", u), CredentialsSecretName: tenantv1alpha1.CredentialsSecretNameFor("shared", u),
		})
	}

	if diff := cmp.Diff(want, comparableStatus(getClaim(t, ns, "shared")).Credentials); diff != "" {
		t.Errorf("status.credentials: -want, +got:\n%s", diff)
	}

	t.Run("Claim", func(t *testing.T) { testAllowed(t, own); testForbidden(t, own) })
	t.Run("Writer", func(t *testing.T) {
		info := getBucketInfo(t, ns, "shared", "writer")
		testAllowed(t, info)
		testForbidden(t, info)
	})

	if err := put(t.Context(), tenantClient(t, own), own.Spec.BucketName, "precious"); err != nil {
		t.Fatal(err)
	}

	t.Run("Reader", func(t *testing.T) { testReadonly(t, getBucketInfo(t, ns, "shared", "reader")) })
	wantObjectIntact(t, own.Spec.BucketName)
}

// testReadonly checks that a read-only key can list and read objects and do nothing
// else. The bucket holds the object precious and no other.
func testReadonly(t *testing.T, info tenantv1alpha1.BucketInfo) {
	ctx, s3, bucket := t.Context(), tenantClient(t, info), info.Spec.BucketName
	core := miniogo.Core{Client: s3}

	if keys, err := list(ctx, s3, bucket); err != nil || !slices.Equal(keys, []string{"precious"}) {
		t.Errorf("list: got %q, %v", keys, err)
	}

	o, _, _, err := core.GetObject(ctx, bucket, "precious", miniogo.GetObjectOptions{})
	if err != nil {
		t.Errorf("read: %v", err)
	} else {
		_ = o.Close()
	}

	colour, err := tags.NewTags(map[string]string{"colour": "blue"}, false)
	if err != nil {
		t.Fatal(err)
	}

	forbidden := map[string]func() error{
		"write":     func() error { return put(ctx, s3, bucket, "another") },
		"overwrite": func() error { return put(ctx, s3, bucket, "precious") },
		"copy": func() error {
			_, err := s3.CopyObject(ctx,
				miniogo.CopyDestOptions{Bucket: bucket, Object: "copy"}, miniogo.CopySrcOptions{Bucket: bucket, Object: "precious"})
			return err
		},
		"delete": func() error { return remove(ctx, s3, bucket, "precious") },
		"delete several": func() error {
			objects := make(chan miniogo.ObjectInfo, 1)
			objects <- miniogo.ObjectInfo{Key: "precious"}

			close(objects)

			var err error
			for e := range s3.RemoveObjects(ctx, bucket, objects, miniogo.RemoveObjectsOptions{}) {
				err = e.Err
			}

			return err
		},
		"begin an upload in parts": func() error {
			_, err := core.NewMultipartUpload(ctx, bucket, "another", miniogo.PutObjectOptions{})
			return err
		},
		"tag an object": func() error {
			return s3.PutObjectTagging(ctx, bucket, "precious", colour, miniogo.PutObjectTaggingOptions{})
		},
		"tag the bucket":    func() error { return s3.SetBucketTagging(ctx, bucket, colour) },
		"set a policy":      func() error { return s3.SetBucketPolicy(ctx, bucket, `{"Version":"2012-10-17","Statement":[]}`) },
		"switch versioning": func() error { return s3.EnableVersioning(ctx, bucket) },
		"set the lifecycle": func() error {
			return s3.SetBucketLifecycle(ctx, bucket, &lifecycle.Configuration{Rules: []lifecycle.Rule{
				{ID: "a", Status: "Enabled", Expiration: lifecycle.Expiration{Days: 1}},
			}})
		},
		"set the encryption": func() error { return s3.SetBucketEncryption(ctx, bucket, sse.NewConfigurationSSES3()) },
		"remove the bucket":  func() error { return s3.RemoveBucket(ctx, bucket) },
		"purge the bucket": func() error {
			return s3.RemoveBucketWithOptions(ctx, bucket, miniogo.RemoveBucketOptions{ForceDelete: true})
		},
		"create a bucket": func() error { return s3.MakeBucket(ctx, "stolen-"+bucket[7:40], makeOptions) },
	}

	for action, try := range forbidden {
		wantDenied(t, action, try())
	}

	s, err := api.AdminAPI(plat, info.Spec.SecretS3.AccessKeyID, info.Spec.SecretS3.AccessSecretKey)
	if err != nil {
		t.Fatal(err)
	}

	_, err = s.AddServiceAccount(ctx, madmin.AddServiceAccountReq{})
	if madmin.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("create an access key: want AccessDenied, got %v", err)
	}

	err = s.SetBucketQuota(ctx, bucket, &madmin.BucketQuota{Size: 1, Type: madmin.HardQuota})
	if madmin.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("set a quota: want AccessDenied, got %v", err)
	}
}

// TestClaimUserChanges adds a user to a claim, changes its access and removes it again.
// It checks that its key follows, and that the Secrets of the other users are not
// written.
func TestClaimUserChanges(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	applyClaim(t, ns, "team", "{deletionPolicy: Delete, users: {alice: {}}}")
	own := waitReady(t, ns, "team")
	bucket := own.Spec.BucketName

	others := []*corev1.Secret{
		getSecret(t, ns, "bucket-team"), getSecret(t, ns, "bucket-team-credentials"),
		getSecret(t, ns, "bucket-team-alice"), getSecret(t, ns, "bucket-team-alice-credentials"),
	}

	applyClaim(t, ns, "team", "{deletionPolicy: Delete, users: {alice: {}, bob: {}}}")
	waitUsers(t, ns, "team", "", "alice", "bob")
	wantCredentials(t, ns, "team", "", "alice", "bob")

	bob := getBucketInfo(t, ns, "team", "bob")
	s3 := tenantClient(t, bob)

	if err := put(ctx, s3, bucket, "precious"); err != nil {
		t.Errorf("a new user cannot write: %v", err)
	}

	applyClaim(t, ns, "team", "{deletionPolicy: Delete, users: {alice: {}, bob: {readonly: true}}}")
	await.For(t, "bob's key to be read-only", func() error {
		if err := put(ctx, s3, bucket, "precious"); codeOf(err) != miniogo.AccessDenied {
			return fmt.Errorf("write: want AccessDenied, got %w", err)
		}

		return nil
	})
	waitReady(t, ns, "team")
	t.Run("Readonly", func(t *testing.T) { testReadonly(t, bob) })

	await.For(t, "the status to show bob as ReadOnly with the same key", func() error {
		c := getClaim(t, ns, "team").Status.Credentials
		if len(c) != 3 || c[2].Access != tenantv1alpha1.AccessReadOnly ||
			c[2].AccessKeyID != tenantv1alpha1.MaskAccessKeyID(bob.Spec.SecretS3.AccessKeyID) {
			return fmt.Errorf("it shows %+v", c)
		}

		return nil
	})
	applyClaim(t, ns, "team", "{deletionPolicy: Delete, users: {alice: {}, bob: {}}}")
	await.For(t, "bob's key to write again", func() error { return put(ctx, s3, bucket, "another") })

	resource, connection := connectionNames(t, ns, "team", "bob")
	applyClaim(t, ns, "team", "{deletionPolicy: Delete, users: {alice: {}}}")
	await.For(t, "bob's key to be gone", func() error { _, err := list(ctx, s3, bucket); return checkKeyRejected("list", err) })
	await.Gone(t, kube, &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: resource}})

	for _, name := range []string{"bucket-team-bob", "bucket-team-bob-credentials", connection} {
		await.Gone(t, kube, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}})
	}

	if _, err := admin.InfoCannedPolicyV2(ctx, bob.Spec.SecretS3.AccessKeyID); madmin.ToErrorResponse(err).Code != "XMinioAdminNoSuchPolicy" {
		t.Errorf("want bob's policy to be deleted, got %v", err)
	}

	waitUsers(t, ns, "team", "", "alice")

	for _, before := range others {
		after := getSecret(t, ns, before.Name)
		if before.ResourceVersion != after.ResourceVersion || !maps.EqualFunc(before.Data, after.Data, bytes.Equal) {
			t.Errorf("want Secret %s of another user not to be written", before.Name)
		}
	}
}

// TestClaimUserNotReady adds a user whose key cannot be published. It checks that the
// claim names the user, and that its other credentials keep working.
func TestClaimUserNotReady(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	applyMinimalClaim(t, ns, "waits")
	own := waitReady(t, ns, "waits")
	resource, connection := connectionNames(t, ns, "waits", "late")

	// The connection Secret of the user exists already and does not belong to it.
	taken := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: connection}}
	create(t, taken)
	applyClaim(t, ns, "waits", "{users: {late: {}}}")
	waitProvisioned(t, ns, "waits", tenantv1alpha1.ReasonWaitingForUser, `the access key of user "late"`)

	if c := getClaim(t, ns, "waits").Status.GetCondition(xpv1.TypeReady); c.Status == corev1.ConditionTrue {
		t.Error("want the claim not to be ready without its user")
	}

	wantCredentials(t, ns, "waits", "")

	if _, err := list(ctx, tenantClient(t, own), own.Spec.BucketName); err != nil {
		t.Errorf("the claim's own key does not work: %v", err)
	}

	if err := kube.Get(ctx, types.NamespacedName{Namespace: ns, Name: "bucket-waits-late"}, &corev1.Secret{}); !apierrors.IsNotFound(err) {
		t.Errorf("want no Secret for a user without a key, got %v", err)
	}

	if err := kube.Delete(ctx, taken); err != nil {
		t.Fatal(err)
	}

	reconcileNow(t, &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: resource}})
	waitReady(t, ns, "waits")
	wantCredentials(t, ns, "waits", "", "late")
}

// TestClaimManyUsers applies claims with up to the maximum of 20 users. This causes so
// many events that Crossplane's circuit breaker may drop the claim's events for some
// minutes. The test checks that the claim becomes ready all the same, and that the next
// change is applied.
func TestClaimManyUsers(t *testing.T) {
	t.Parallel()

	for _, n := range []int{4, 5, 6, 7, 8, 20} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()

			ns := newNamespace(t)
			names := userNames(n)
			apply := func(names []string) {
				applyClaim(t, ns, "many", "{users: {"+strings.Join(names, ": {}, ")+": {}}}")
			}

			apply(names)
			waitReady(t, ns, "many")
			wantCredentials(t, ns, "many", append(names, "")...)

			clients := make(map[string]*miniogo.Client, n)
			bucket := getClaim(t, ns, "many").Status.BucketName

			for _, u := range names {
				clients[u] = tenantClient(t, getBucketInfo(t, ns, "many", u))
				if _, err := list(t.Context(), clients[u], bucket); err != nil {
					t.Errorf("the key of %s does not work: %v", u, err)
				}
			}

			apply(names[1:])
			await.For(t, "the key of "+names[0]+" to be gone", func() error {
				_, err := list(t.Context(), clients[names[0]], bucket)
				return checkKeyRejected("list", err)
			})

			for _, u := range names[1:] {
				if _, err := list(t.Context(), clients[u], bucket); err != nil {
					t.Errorf("the key of %s no longer works after %s was removed: %v", u, names[0], err)
				}
			}
		})
	}
}
