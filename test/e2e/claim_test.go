//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/madmin-go/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/clients"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// TestClaim is the main job: a manifest with nothing but a name becomes a
// bucket and a Secret, the Secret's keys work, and nothing is left afterwards.
func TestClaim(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)

	mustKubectl(t, "", "apply", "--namespace", ns, "-f", filepath.Join(repo, "examples", "claim", "bucket.yaml"))
	info := waitReady(t, ns, "backup-prod")

	c := getClaim(t, ns, "backup-prod")
	user := &miniov1alpha1.User{}

	if err := kube.Get(ctx, types.NamespacedName{Namespace: ns, Name: info.Spec.BucketName}, user); err != nil {
		t.Fatal(err)
	}

	s3 := info.Spec.SecretS3

	t.Run("Secret", func(t *testing.T) {
		s := &corev1.Secret{}
		if err := kube.Get(ctx, types.NamespacedName{Namespace: ns, Name: "bucket-backup-prod"}, s); err != nil {
			t.Fatal(err)
		}

		if s.Type != corev1.SecretTypeOpaque || len(s.Data) != 1 {
			t.Errorf("want type Opaque and one key, got %s and %d", s.Type, len(s.Data))
		}

		want := fmt.Sprintf(`{"metadata":{"name":"bc-%s","creationTimestamp":null},`+
			`"spec":{"bucketName":"bucket-%s","authenticationType":"KEY",`+
			`"secretS3":{"endpoint":%q,"region":"us-east-1","accessKeyID":%q,"accessSecretKey":%q},`+
			`"secretAzure":null,"protocols":["s3"]}}`,
			user.GetUID(), c.GetUID(), platform.MinIOInsideURL, s3.AccessKeyID, s3.AccessSecretKey)
		if string(s.Data[tenantv1alpha1.BucketInfoKey]) != want {
			t.Error("BucketInfo is not byte for byte what it has to be")
		}
	})

	t.Run("Status", func(t *testing.T) {
		want := tenantv1alpha1.BucketStatus{
			BucketName: "bucket-" + string(c.GetUID()),
			Endpoint:   platform.MinIOInsideURL,
			Region:     "us-east-1",
			SecretName: "bucket-backup-prod",
			Credentials: []tenantv1alpha1.CredentialsStatus{{
				Access:                tenantv1alpha1.AccessReadWrite,
				SecretName:            "bucket-backup-prod",
				CredentialsSecretName: "bucket-backup-prod-credentials",
				AccessKeyID:           s3.AccessKeyID,
			}},
		}

		if diff := cmp.Diff(want, comparableStatus(c)); diff != "" {
			t.Errorf("-want, +got:\n%s", diff)
		}
	})

	t.Run("Commands", func(t *testing.T) { testCommands(t, ns, s3) })
	t.Run("Allowed", func(t *testing.T) { testAllowed(t, info) })
	t.Run("Forbidden", func(t *testing.T) { testForbidden(t, info) })

	mustKubectl(t, "", "delete", "--namespace", ns, "bucket.apps.cozystack.io/backup-prod")
	waitNothingLeft(t, ns, info)
}

// testCommands runs the commands that tenants know, as they stand.
func testCommands(t *testing.T, ns string, want tenantv1alpha1.BucketInfoS3) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	script := strings.Join([]string{
		"cp " + plat.Kubeconfig + " " + kubeconfig,
		"export KUBECONFIG=" + kubeconfig + " PATH=" + filepath.Dir(plat.KubectlPath) + ":" + filepath.Dir(plat.JqPath) + ":$PATH",
		"kubectl config set-context --current --namespace=" + ns + " >/dev/null",
		"kubectl get secret bucket-backup-prod",
		"kubectl get secret bucket-backup-prod -o jsonpath='{.data.BucketInfo}' | base64 -d | jq",
		"kubectl get secret bucket-backup-prod -o jsonpath='{.data.BucketInfo}' | base64 -d | jq -r '.spec.secretS3.accessKeyID, .spec.secretS3.accessSecretKey'",
	}, "\n")

	out, err := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 4 {
		t.Fatalf("want more than %d lines", len(lines))
	}

	if f := strings.Fields(lines[1]); len(f) != 4 || !slices.Equal(f[:3], []string{"bucket-backup-prod", "Opaque", "1"}) {
		t.Errorf("kubectl get secret: want type Opaque and 1 key, got %q", lines[1])
	}

	if !json.Valid([]byte(strings.Join(lines[2:len(lines)-2], "\n"))) {
		t.Error("jq: want JSON")
	}

	if lines[len(lines)-2] != want.AccessKeyID || lines[len(lines)-1] != want.AccessSecretKey {
		t.Error("jq -r: want the access key and its secret, a line each")
	}
}

// testAllowed does with the tenant's keys what a tenant may do.
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

// testForbidden tries with the tenant's keys what a tenant must not do.
func testForbidden(t *testing.T, info tenantv1alpha1.BucketInfo) {
	ctx, s3, bucket := t.Context(), tenantClient(t, info), info.Spec.BucketName

	wantDenied(t, "set a bucket policy", s3.SetBucketPolicy(ctx, bucket, `{"Version":"2012-10-17","Statement":[]}`))
	wantDenied(t, "switch versioning on", s3.EnableVersioning(ctx, bucket))
	wantDenied(t, "remove the bucket", s3.RemoveBucket(ctx, bucket))
	wantDenied(t, "make another bucket", s3.MakeBucket(ctx, "stolen-"+bucket[7:40], makeOptions))

	keys := info.Spec.SecretS3

	api, err := clients.AdminAPI(plat, keys.AccessKeyID, keys.AccessSecretKey)
	if err != nil {
		t.Fatal(err)
	}

	_, err = api.AddServiceAccount(ctx, madmin.AddServiceAccountReq{})
	if madmin.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("make another access key: want AccessDenied, got %v", err)
	}
}

// waitNothingLeft wants everything that a claim brought to be gone.
func waitNothingLeft(t *testing.T, ns string, info tenantv1alpha1.BucketInfo) {
	t.Helper()

	ctx, user := t.Context(), info.Spec.SecretS3.AccessKeyID

	await.For(t, "bucket, user, policy and Secrets to be gone", func() error {
		there, err := admin.S3.BucketExists(ctx, info.Spec.BucketName)
		if err != nil || there {
			return errors.Join(err, errors.New("the bucket is there"))
		}

		if _, err := admin.GetUserInfo(ctx, user); madmin.ToErrorResponse(err).Code != "XMinioAdminNoSuchUser" {
			return errors.Join(err, errors.New("the user is there"))
		}

		if _, err := admin.InfoCannedPolicyV2(ctx, user); madmin.ToErrorResponse(err).Code != "XMinioAdminNoSuchPolicy" {
			return errors.Join(err, errors.New("the policy is there"))
		}

		secrets := &corev1.SecretList{}
		if err := kube.List(ctx, secrets, client.InNamespace(ns)); err != nil || len(secrets.Items) > 0 {
			return errors.Join(err, fmt.Errorf("%d Secrets are there", len(secrets.Items)))
		}

		return nil
	})
}

// TestTenantsAreIsolated lets two tenants claim the same name: each gets a
// bucket of its own, and its key is of no use on the other's.
func TestTenantsAreIsolated(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	first, second := newNamespace(t), newNamespace(t)

	applyMinimalClaim(t, first, "shared-name")
	applyMinimalClaim(t, second, "shared-name")

	a, b := waitReady(t, first, "shared-name"), waitReady(t, second, "shared-name")
	if a.Spec.BucketName == b.Spec.BucketName || a.Spec.SecretS3.AccessKeyID == b.Spec.SecretS3.AccessKeyID {
		t.Fatal("the tenants share a bucket or a key")
	}

	for name, tc := range map[string]struct{ mine, others tenantv1alpha1.BucketInfo }{
		"FirstOnSecond": {mine: a, others: b},
		"SecondOnFirst": {mine: b, others: a},
	} {
		t.Run(name, func(t *testing.T) {
			s3 := tenantClient(t, tc.mine)

			if err := put(ctx, s3, tc.mine.Spec.BucketName, "x"); err != nil {
				t.Errorf("write to the own bucket: %v", err)
			}

			wantDenied(t, "write to the other's bucket", put(ctx, s3, tc.others.Spec.BucketName, "y"))
			_, err := list(ctx, s3, tc.others.Spec.BucketName)
			wantDenied(t, "list the other's bucket", err)
			_, err = s3.StatObject(ctx, tc.others.Spec.BucketName, "x", statOptions)
			wantDenied(t, "read from the other's bucket", err)

			if err := remove(ctx, s3, tc.mine.Spec.BucketName, "x"); err != nil {
				t.Errorf("delete from the own bucket: %v", err)
			}
		})
	}
}

// TestClaimForeignSecret lets Secrets exist that have the names of the tenant's: they
// stay untouched, the claim names them and waits, and goes on once they are gone.
func TestClaimForeignSecret(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)

	var foreign []*corev1.Secret

	for _, name := range []string{"bucket-mine", "bucket-mine-credentials", "bucket-mine-reader", "bucket-mine-reader-credentials"} {
		s := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns},
			Data:       map[string][]byte{"mine": []byte("do not touch")},
		}
		create(t, s)

		foreign = append(foreign, s)
	}

	applyClaim(t, ns, "mine", "{users: {reader: {readonly: true}}}")

	for len(foreign) > 0 {
		names := make([]string, 0, len(foreign))
		for _, s := range foreign {
			names = append(names, s.Name)
		}

		// That it says so of all of them means that bucket and users are ready.
		waitProvisioned(t, ns, "mine", tenantv1alpha1.ReasonSecretConflict, "are not this claim's: "+strings.Join(names, ", ")+";")

		if c := getClaim(t, ns, "mine").Status.GetCondition(xpv1.TypeReady); c.Status == corev1.ConditionTrue {
			t.Error("the claim is ready without all its Secrets")
		}

		for _, s := range foreign {
			if diff := cmp.Diff(s, getSecret(t, ns, s.Name)); diff != "" {
				t.Errorf("the Secret was touched: -before, +after:\n%s", diff)
			}
		}

		if err := kube.Delete(ctx, foreign[0]); err != nil {
			t.Fatal(err)
		}

		foreign = foreign[1:]
	}

	waitReady(t, ns, "mine")
	wantCredentials(t, ns, "mine", "", "reader")
}

// TestClaimRecreated deletes a claim and makes it again at once.
func TestClaimRecreated(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)

	applyMinimalClaim(t, ns, "again")
	before := waitReady(t, ns, "again")

	mustKubectl(t, "", "delete", "--namespace", ns, "bucket.apps.cozystack.io/again")
	applyMinimalClaim(t, ns, "again")

	// The Secret of before may still be there for a moment.
	await.For(t, "a Secret of the new claim", func() error {
		info, err := clients.BucketInfo(t.Context(), kube, ns, "again", "")
		if err == nil && info.Spec.BucketName == before.Spec.BucketName {
			err = errors.New("it is the one of before")
		}

		return err
	})

	after := waitReady(t, ns, "again")
	if before.Spec.BucketName == after.Spec.BucketName || before.Spec.SecretS3.AccessKeyID == after.Spec.SecretS3.AccessKeyID {
		t.Error("want a new bucket and a new key")
	}

	if _, err := list(t.Context(), tenantClient(t, after), after.Spec.BucketName); err != nil {
		t.Errorf("the new key does not work: %v", err)
	}
}

// TestClaimSecretRestored deletes the tenant's Secret: it comes back as it was.
func TestClaimSecretRestored(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)

	applyMinimalClaim(t, ns, "careless")
	before := waitReady(t, ns, "careless")

	mustKubectl(t, "", "delete", "secret", "--namespace", ns, "bucket-careless")
	await.For(t, "the Secret to come back", func() error {
		after, err := clients.BucketInfo(ctx, kube, ns, "careless", "")
		if err == nil && !cmp.Equal(before, after) {
			err = errors.New("it holds something else")
		}

		return err
	})
}

// TestClaimKeyReplaced loses a claim's key: the claim's Secret follows to the new
// one, which works.
func TestClaimKeyReplaced(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)

	applyMinimalClaim(t, ns, "lost")
	before := waitReady(t, ns, "lost")
	uid := string(getClaim(t, ns, "lost").GetUID())

	mustKubectl(t, "", "delete", "secret", "--namespace", ns, "user-"+uid)
	reconcileNow(t, &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "bucket-" + uid}})

	await.For(t, "the claim's Secret to hold the new key", func() error {
		after, err := clients.BucketInfo(ctx, kube, ns, "lost", "")
		if err == nil && after.Spec.SecretS3.AccessSecretKey == before.Spec.SecretS3.AccessSecretKey {
			err = errors.New("it holds the old one")
		}

		return err
	})

	after := waitReady(t, ns, "lost")
	if _, err := list(ctx, tenantClient(t, after), after.Spec.BucketName); err != nil {
		t.Errorf("the new key does not work: %v", err)
	}
}

// TestClaimEmptySpec claims with a spec that has nothing under it.
func TestClaimEmptySpec(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	mustKubectl(t, "apiVersion: apps.cozystack.io/v1alpha1\nkind: Bucket\nmetadata:\n  name: empty\nspec:\n",
		"apply", "--namespace", ns, "-f", "-")
	waitReady(t, ns, "empty")
}

// TestCompositionIsEnforced lets a tenant ask for another Composition: it gets
// the platform's all the same.
func TestCompositionIsEnforced(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	mustKubectl(t, "{apiVersion: apps.cozystack.io/v1alpha1, kind: Bucket, metadata: {name: choosy}, spec: {crossplane: {compositionRef: {name: other}}}}",
		"apply", "--namespace", ns, "-f", "-")
	waitReady(t, ns, "choosy")

	if got := mustKubectl(t, "", "get", "bucket.apps.cozystack.io/choosy", "--namespace", ns, "--output=jsonpath={.spec.crossplane.compositionRef.name}"); got != "buckets" {
		t.Errorf("want the platform's Composition, got %q", got)
	}
}

// TestTenantRole looks whether an editor of a namespace may claim buckets there,
// and not make users of the server.
func TestTenantRole(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	mustKubectl(t, "", "create", "rolebinding", "tenant", "--namespace", ns, "--clusterrole=edit", "--user=somebody")

	for resource, want := range map[string]string{"buckets.apps.cozystack.io": "yes", "users.minio.cistern.dev": "no", "buckets.minio.cistern.dev": "no"} {
		await.For(t, "the answer "+want+" for "+resource, func() error {
			// can-i fails where the answer is no.
			got, _ := plat.Kubectl(t.Context(), "", "auth", "can-i", "create", resource, "--namespace", ns, "--as=somebody")
			if strings.TrimSpace(got) != want {
				return errors.New(got)
			}

			return nil
		})
	}
}
