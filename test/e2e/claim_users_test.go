//go:build e2e

package e2e

import (
	"bytes"
	"context"
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
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/clients"
)

// getSecret returns a Secret as it is.
func getSecret(t testing.TB, namespace, name string) *corev1.Secret {
	t.Helper()

	s := &corev1.Secret{}
	if err := kube.Get(context.Background(), types.NamespacedName{Namespace: namespace, Name: name}, s); err != nil {
		t.Fatalf("cannot get Secret %s: %v", name, err)
	}

	return s
}

// getBucketInfo returns what the Secret of a claim's user says.
func getBucketInfo(t testing.TB, namespace, claim, user string) tenantv1alpha1.BucketInfo {
	t.Helper()

	info, err := clients.BucketInfo(t.Context(), kube, namespace, claim, user)
	if err != nil {
		t.Fatal(err)
	}

	return info
}

// comparableStatus returns a claim's status without its conditions, and without when
// its keys were made.
func comparableStatus(c *tenantv1alpha1.Bucket) tenantv1alpha1.BucketStatus {
	s := c.DeepCopy().Status
	s.ConditionedStatus = xpv1.ConditionedStatus{}

	for i := range s.Credentials {
		s.Credentials[i].RotatedAt = nil
	}

	return s
}

// connectionNames returns the name of the User of a claim's user, and that of the
// Secret in which it publishes its key.
func connectionNames(t testing.TB, namespace, claim, user string) (resource, secret string) {
	t.Helper()

	suffix := string(getClaim(t, namespace, claim).GetUID())
	if user != "" {
		suffix += "-" + user
	}

	return "bucket-" + suffix, "user-" + suffix
}

// wantCredentials wants both Secrets of each of a claim's users to be there and
// to say the same. The claim's own are those of the user without a name.
func wantCredentials(t testing.TB, namespace, claim string, users ...string) {
	t.Helper()

	for _, user := range users {
		name := tenantv1alpha1.SecretNameFor(claim, user)

		s := getSecret(t, namespace, name)
		if s.Type != corev1.SecretTypeOpaque || len(s.Data) != 1 {
			t.Errorf("Secret %s: want type Opaque and the key BucketInfo alone, got %s and %d keys", name, s.Type, len(s.Data))
		}

		info := getBucketInfo(t, namespace, claim, user)
		if info.Spec.BucketName != getClaim(t, namespace, claim).Status.BucketName {
			t.Errorf("Secret %s: bucket %q is not the claim's", name, info.Spec.BucketName)
		}

		_, connection := connectionNames(t, namespace, claim, user)
		s3 := info.Spec.SecretS3

		for of, want := range map[string]map[string][]byte{
			"BucketInfo":            miniov1alpha1.Connection{Endpoint: s3.Endpoint, Region: s3.Region, AccessKeyID: s3.AccessKeyID, SecretAccessKey: s3.AccessSecretKey, BucketName: info.Spec.BucketName}.Details(),
			"the connection Secret": getSecret(t, namespace, connection).Data,
		} {
			// What they hold is not for the eyes of who reads the tests' output.
			got := getSecret(t, namespace, tenantv1alpha1.CredentialsSecretNameFor(claim, user)).Data
			if !maps.EqualFunc(want, got, bytes.Equal) {
				t.Errorf("Secret %s-credentials says something else than %s: it has the keys %v", name, of, slices.Sorted(maps.Keys(got)))
			}
		}
	}
}

// waitUsers waits until a claim is ready with exactly these users. That it is
// ready does not say it alone: when the claim changes while Crossplane is at work
// on it, Crossplane calls it ready as of the change, which it has not seen yet.
func waitUsers(t testing.TB, namespace, claim string, users ...string) {
	t.Helper()

	await.For(t, "the claim's users", func() error {
		waitReady(t, namespace, claim)

		var got []string

		for _, c := range getClaim(t, namespace, claim).Status.Credentials {
			if c.CredentialsSecretName != "" {
				got = append(got, c.User)
			}
		}

		if !slices.Equal(got, users) {
			return fmt.Errorf("want %q, got %q", users, got)
		}

		return nil
	})
}

// TestClaimUsers shares a bucket with further users: each has Secrets of its own,
// the status tells of them in order, and each may do what it is there for.
func TestClaimUsers(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	// Purged in the end, whatever the users write.
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
			t.Errorf("user %q has another's key", u)
		}

		seen[id] = true

		want = append(want, tenantv1alpha1.CredentialsStatus{
			User: u, Access: access, AccessKeyID: id,
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

// testReadonly tries all that somebody might with a key that is there to read.
// The bucket holds the object precious and nothing else.
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
			_, err := s3.CopyObject(ctx, miniogo.CopyDestOptions{Bucket: bucket, Object: "copy"}, miniogo.CopySrcOptions{Bucket: bucket, Object: "precious"})
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
			return s3.SetBucketLifecycle(ctx, bucket, &lifecycle.Configuration{Rules: []lifecycle.Rule{{ID: "a", Status: "Enabled", Expiration: lifecycle.Expiration{Days: 1}}}})
		},
		"set the encryption": func() error { return s3.SetBucketEncryption(ctx, bucket, sse.NewConfigurationSSES3()) },
		"remove the bucket":  func() error { return s3.RemoveBucket(ctx, bucket) },
		"purge the bucket": func() error {
			return s3.RemoveBucketWithOptions(ctx, bucket, miniogo.RemoveBucketOptions{ForceDelete: true})
		},
		"make a bucket": func() error { return s3.MakeBucket(ctx, "stolen-"+bucket[7:40], makeOptions) },
	}

	for act, try := range forbidden {
		wantDenied(t, act, try())
	}

	api, err := clients.AdminAPI(plat, info.Spec.SecretS3.AccessKeyID, info.Spec.SecretS3.AccessSecretKey)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := api.AddServiceAccount(ctx, madmin.AddServiceAccountReq{}); madmin.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("make another access key: want AccessDenied, got %v", err)
	}

	if err := api.SetBucketQuota(ctx, bucket, &madmin.BucketQuota{Size: 1, Type: madmin.HardQuota}); madmin.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("set a quota: want AccessDenied, got %v", err)
	}
}

// TestClaimUserChanges adds a user to a claim, changes what it may do and takes it
// away again. Nobody else's keys or Secrets are touched.
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
	await.For(t, "bob's key to read only", func() error {
		if err := put(ctx, s3, bucket, "precious"); codeOf(err) != miniogo.AccessDenied {
			return fmt.Errorf("write: want AccessDenied, got %w", err)
		}

		return nil
	})
	waitReady(t, ns, "team")
	t.Run("Readonly", func(t *testing.T) { testReadonly(t, bob) })

	await.For(t, "the status to say that bob reads with the same key", func() error {
		c := getClaim(t, ns, "team").Status.Credentials
		if len(c) != 3 || c[2].Access != tenantv1alpha1.AccessReadOnly || c[2].AccessKeyID != bob.Spec.SecretS3.AccessKeyID {
			return fmt.Errorf("it says %+v", c)
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
		t.Errorf("bob's policy: want it to be gone, got %v", err)
	}

	waitUsers(t, ns, "team", "", "alice")

	for _, before := range others {
		after := getSecret(t, ns, before.Name)
		if before.ResourceVersion != after.ResourceVersion || !maps.EqualFunc(before.Data, after.Data, bytes.Equal) {
			t.Errorf("Secret %s was written, though nothing of it changed", before.Name)
		}
	}
}

// TestClaimUserNotReady adds a user that cannot be made: the claim says which, and
// everybody else goes on.
func TestClaimUserNotReady(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	applyMinimalClaim(t, ns, "waits")
	own := waitReady(t, ns, "waits")
	resource, connection := connectionNames(t, ns, "waits", "late")

	// The Secret in which its key would be published is somebody else's.
	taken := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: connection}}
	create(t, taken)
	applyClaim(t, ns, "waits", "{users: {late: {}}}")
	waitProvisioned(t, ns, "waits", tenantv1alpha1.ReasonWaitingForUser, `the access key of user "late"`)

	if c := getClaim(t, ns, "waits").Status.GetCondition(xpv1.TypeReady); c.Status == corev1.ConditionTrue {
		t.Error("the claim is ready without its user")
	}

	wantCredentials(t, ns, "waits", "")

	if _, err := list(ctx, tenantClient(t, own), own.Spec.BucketName); err != nil {
		t.Errorf("the claim's own key does not work: %v", err)
	}

	if err := kube.Get(ctx, types.NamespacedName{Namespace: ns, Name: "bucket-waits-late"}, &corev1.Secret{}); !apierrors.IsNotFound(err) {
		t.Errorf("want no Secret of a user without a key, got %v", err)
	}

	if err := kube.Delete(ctx, taken); err != nil {
		t.Fatal(err)
	}

	reconcileNow(t, &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: resource}})
	waitReady(t, ns, "waits")
	wantCredentials(t, ns, "waits", "", "late")
}

// TestClaimManyUsers makes users until as many as a claim may have. So much happens
// then that Crossplane may stop to listen to the claim for some minutes: the claim
// gets ready all the same, and what changes next is not lost either.
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
					t.Errorf("the key of %s went with another's: %v", u, err)
				}
			}
		})
	}
}
