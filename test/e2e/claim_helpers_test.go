//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/clients"
)

// applyMinimalClaim applies a claim that has a name only.
func applyMinimalClaim(t testing.TB, namespace, name string) {
	t.Helper()
	mustKubectl(t, "apiVersion: apps.cozystack.io/v1alpha1\nkind: Bucket\nmetadata:\n  name: "+name+"\n",
		"apply", "--namespace", namespace, "-f", "-")
}

// getClaim returns the current state of a claim.
func getClaim(t testing.TB, namespace, name string) *tenantv1alpha1.Bucket {
	t.Helper()

	b := &tenantv1alpha1.Bucket{}
	if err := kube.Get(context.Background(), types.NamespacedName{Namespace: namespace, Name: name}, b); err != nil {
		t.Fatalf("cannot get the claim: %v", err)
	}

	return b
}

// waitReady waits until a claim is Ready for its current generation, and returns
// the BucketInfo of its own credentials.
func waitReady(t testing.TB, namespace, name string) tenantv1alpha1.BucketInfo {
	t.Helper()

	await.For(t, "the claim to be ready", func() error {
		b := getClaim(t, namespace, name)
		if c := b.Status.GetCondition(xpv1.TypeReady); c.Status != corev1.ConditionTrue || c.ObservedGeneration != b.Generation {
			return errors.New(b.Status.GetCondition(tenantv1alpha1.ConditionProvisioned).Message)
		}

		return nil
	})

	info, err := clients.BucketInfo(context.Background(), kube, namespace, name, "")
	if err != nil {
		t.Fatal(err)
	}

	return info
}

// waitProvisioned waits until a claim's Provisioned condition has a reason and its
// message contains a text.
func waitProvisioned(t testing.TB, namespace, name, reason, text string) {
	t.Helper()

	await.For(t, "the claim to be "+reason, func() error {
		c := getClaim(t, namespace, name).Status.GetCondition(tenantv1alpha1.ConditionProvisioned)
		if string(c.Reason) != reason || !strings.Contains(c.Message, text) {
			return errors.New(string(c.Reason) + ": " + c.Message)
		}

		return nil
	})
}

// tenantClient returns an S3 client with the tenant's keys.
func tenantClient(t testing.TB, info tenantv1alpha1.BucketInfo) *miniogo.Client {
	t.Helper()

	s3, err := clients.Tenant(plat, info)
	if err != nil {
		t.Fatal(err)
	}

	return s3
}

// applyClaim applies a claim with a spec.
func applyClaim(t *testing.T, namespace, name, spec string) {
	t.Helper()
	mustKubectl(t, fmt.Sprintf("{apiVersion: apps.cozystack.io/v1alpha1, kind: Bucket, metadata: {name: %s}, spec: %s}", name, spec),
		"apply", "--namespace", namespace, "-f", "-")
}

// getBucket returns the Bucket that was composed for a claim.
func getBucket(t *testing.T, namespace, name string) *miniov1alpha1.Bucket {
	t.Helper()

	b := &miniov1alpha1.Bucket{}
	key := types.NamespacedName{Namespace: namespace, Name: "bucket-" + string(getClaim(t, namespace, name).GetUID())}

	if err := kube.Get(t.Context(), key, b); err != nil {
		t.Fatalf("cannot get the Bucket of claim %s: %v", name, err)
	}

	return b
}

// wantNotComposed checks that no Bucket was composed for a rejected claim.
func wantNotComposed(t *testing.T, namespace, claim string) {
	t.Helper()

	buckets := &miniov1alpha1.BucketList{}
	if err := kube.List(t.Context(), buckets, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}

	uid := getClaim(t, namespace, claim).GetUID()
	for _, b := range buckets.Items {
		if b.Name == "bucket-"+string(uid) {
			t.Errorf("claim %s was rejected, but Bucket %s exists", claim, b.Name)
		}
	}
}

// getSecret returns the current state of a Secret.
func getSecret(t testing.TB, namespace, name string) *corev1.Secret {
	t.Helper()

	s := &corev1.Secret{}
	if err := kube.Get(context.Background(), types.NamespacedName{Namespace: namespace, Name: name}, s); err != nil {
		t.Fatalf("cannot get Secret %s: %v", name, err)
	}

	return s
}

// getBucketInfo returns the BucketInfo of a claim's user. The claim's own
// credentials have an empty user.
func getBucketInfo(t testing.TB, namespace, claim, user string) tenantv1alpha1.BucketInfo {
	t.Helper()

	info, err := clients.BucketInfo(t.Context(), kube, namespace, claim, user)
	if err != nil {
		t.Fatal(err)
	}

	return info
}

// comparableStatus returns a claim's status without its conditions and without the
// times of its rotations.
func comparableStatus(c *tenantv1alpha1.Bucket) tenantv1alpha1.BucketStatus {
	s := c.DeepCopy().Status
	s.ConditionedStatus = xpv1.ConditionedStatus{}

	for i := range s.Credentials {
		s.Credentials[i].RotatedAt = nil
	}

	return s
}

// connectionNames returns the names of two objects of a claim's user: of its managed
// resource User, and of the connection Secret to which that User publishes its key.
func connectionNames(t testing.TB, namespace, claim, user string) (resource, secret string) {
	t.Helper()

	suffix := string(getClaim(t, namespace, claim).GetUID())
	if user != "" {
		suffix += "-" + user
	}

	return "bucket-" + suffix, "user-" + suffix
}

// wantCredentials checks that both Secrets of each of a claim's users exist and hold
// the same access key. The claim's own credentials have an empty user.
func wantCredentials(t testing.TB, namespace, claim string, users ...string) {
	t.Helper()

	ca, err := os.ReadFile(plat.MinIOCAFile)
	if err != nil {
		t.Fatal(err)
	}

	for _, user := range users {
		name := tenantv1alpha1.SecretNameFor(claim, user)

		s := getSecret(t, namespace, name)
		if s.Type != corev1.SecretTypeOpaque || len(s.Data) != 1 {
			t.Errorf("Secret %s: want type Opaque and one key, BucketInfo, got %s and %d keys", name, s.Type, len(s.Data))
		}

		for _, s := range []*corev1.Secret{s, getSecret(t, namespace, tenantv1alpha1.CredentialsSecretNameFor(claim, user))} {
			if s.Labels["apps.cozystack.io/user-secret"] != "true" {
				t.Errorf("Secret %s: want the label of tenants' Secrets, got %v", s.Name, s.Labels)
			}
		}

		info := getBucketInfo(t, namespace, claim, user)
		if info.Spec.BucketName != getClaim(t, namespace, claim).Status.BucketName {
			t.Errorf("Secret %s: bucket %q is not the claim's bucket", name, info.Spec.BucketName)
		}

		_, connection := connectionNames(t, namespace, claim, user)
		s3 := info.Spec.SecretS3

		for of, want := range map[string]map[string][]byte{
			"BucketInfo": miniov1alpha1.Connection{
				Endpoint: s3.Endpoint, Region: s3.Region, BucketName: info.Spec.BucketName, CACertificates: string(ca),
				AccessKeyID: s3.AccessKeyID, SecretAccessKey: s3.AccessSecretKey,
			}.Details(),
			"the connection Secret": getSecret(t, namespace, connection).Data,
		} {
			// The values are secret, so a difference is reported without them.
			got := getSecret(t, namespace, tenantv1alpha1.CredentialsSecretNameFor(claim, user)).Data
			if !maps.EqualFunc(want, got, bytes.Equal) {
				t.Errorf("Secret %s-credentials differs from %s; it has the keys %v", name, of, slices.Sorted(maps.Keys(got)))
			}
		}
	}
}

// waitUsers waits until a claim is ready with exactly these users. Ready alone does
// not prove it: if a claim changes while Crossplane reconciles it, Crossplane reports
// Ready for the new generation, which it has not reconciled yet.
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

// testAllowed checks that a tenant's key can write, list, read and delete objects.
func testAllowed(t *testing.T, info tenantv1alpha1.BucketInfo) {
	ctx, s3, bucket := t.Context(), tenantClient(t, info), info.Spec.BucketName

	if err := put(ctx, s3, bucket, "a/b.txt"); err != nil {
		t.Errorf("write: %v", err)
	}

	if keys, err := list(ctx, s3, bucket); err != nil || !slices.Equal(keys, []string{"a/b.txt"}) {
		t.Errorf("list: got %q, %v", keys, err)
	}

	if _, err := s3.StatObject(ctx, bucket, "a/b.txt", statOptions); err != nil {
		t.Errorf("read: %v", err)
	}

	if err := remove(ctx, s3, bucket, "a/b.txt"); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// testForbidden checks that a tenant's key can neither change the bucket nor create
// buckets and access keys.
func testForbidden(t *testing.T, info tenantv1alpha1.BucketInfo) {
	ctx, s3, bucket := t.Context(), tenantClient(t, info), info.Spec.BucketName

	wantDenied(t, "set a bucket policy", s3.SetBucketPolicy(ctx, bucket, `{"Version":"2012-10-17","Statement":[]}`))
	wantDenied(t, "switch versioning on", s3.EnableVersioning(ctx, bucket))
	wantDenied(t, "remove the bucket", s3.RemoveBucket(ctx, bucket))
	wantDenied(t, "create a bucket", s3.MakeBucket(ctx, "stolen-"+bucket[7:40], makeOptions))

	keys := info.Spec.SecretS3

	api, err := clients.AdminAPI(plat, keys.AccessKeyID, keys.AccessSecretKey)
	if err != nil {
		t.Fatal(err)
	}

	_, err = api.AddServiceAccount(ctx, madmin.AddServiceAccountReq{})
	if madmin.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("create an access key: want AccessDenied, got %v", err)
	}
}

// waitNothingLeft waits until a deleted claim's bucket, user, policy and Secrets are
// gone.
func waitNothingLeft(t *testing.T, ns string, info tenantv1alpha1.BucketInfo) {
	t.Helper()

	ctx, user := t.Context(), info.Spec.SecretS3.AccessKeyID

	await.For(t, "bucket, user, policy and Secrets to be gone", func() error {
		there, err := admin.S3.BucketExists(ctx, info.Spec.BucketName)
		if err != nil || there {
			return errors.Join(err, errors.New("the bucket exists"))
		}

		if _, err := admin.GetUserInfo(ctx, user); madmin.ToErrorResponse(err).Code != "XMinioAdminNoSuchUser" {
			return errors.Join(err, errors.New("the user exists"))
		}

		if _, err := admin.InfoCannedPolicyV2(ctx, user); madmin.ToErrorResponse(err).Code != "XMinioAdminNoSuchPolicy" {
			return errors.Join(err, errors.New("the policy exists"))
		}

		secrets := &corev1.SecretList{}
		if err := kube.List(ctx, secrets, client.InNamespace(ns)); err != nil || len(secrets.Items) > 0 {
			return errors.Join(err, fmt.Errorf("%d Secrets exist", len(secrets.Items)))
		}

		return nil
	})
}
