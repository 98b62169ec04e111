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
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// TestClaim checks the main use: a claim with nothing but a name gets a bucket and a
// Secret whose key works, and deleting the claim removes all of it.
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
			t.Error("BucketInfo is not byte for byte the expected document")
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
				AccessKeyID:           tenantv1alpha1.MaskAccessKeyID(s3.AccessKeyID),
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

// testCommands runs the documented kubectl and jq commands of tenants unchanged.
func testCommands(t *testing.T, ns string, want tenantv1alpha1.BucketInfoS3) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	script := strings.Join([]string{
		"cp " + plat.Kubeconfig + " " + kubeconfig,
		"export KUBECONFIG=" + kubeconfig + " PATH=" + filepath.Dir(plat.KubectlPath) + ":" + filepath.Dir(plat.JqPath) + ":$PATH",
		"kubectl config set-context --current --namespace=" + ns + " >/dev/null",
		"kubectl get secret bucket-backup-prod",
		"kubectl get secret bucket-backup-prod -o jsonpath='{.data.BucketInfo}' | base64 -d | jq",
		"kubectl get secret bucket-backup-prod -o jsonpath='{.data.BucketInfo}' | base64 -d |" +
			" jq -r '.spec.secretS3.accessKeyID, .spec.secretS3.accessSecretKey'",
	}, "\n")

	out, err := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 4 {
		t.Fatalf("want at least 4 lines of output, got %d", len(lines))
	}

	if f := strings.Fields(lines[1]); len(f) != 4 || !slices.Equal(f[:3], []string{"bucket-backup-prod", "Opaque", "1"}) {
		t.Errorf("kubectl get secret: want type Opaque and 1 key, got %q", lines[1])
	}

	if !json.Valid([]byte(strings.Join(lines[2:len(lines)-2], "\n"))) {
		t.Error("jq: want JSON")
	}

	if lines[len(lines)-2] != want.AccessKeyID || lines[len(lines)-1] != want.AccessSecretKey {
		t.Error("jq -r: want the access key and the secret key, one line each")
	}
}

// TestTenantsAreIsolated applies claims of the same name in two namespaces. It checks
// that each gets a bucket of its own, and that its key is denied on the other's bucket.
func TestTenantsAreIsolated(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	first, second := newNamespace(t), newNamespace(t)

	applyMinimalClaim(t, first, "shared-name")
	applyMinimalClaim(t, second, "shared-name")

	a, b := waitReady(t, first, "shared-name"), waitReady(t, second, "shared-name")
	if a.Spec.BucketName == b.Spec.BucketName || a.Spec.SecretS3.AccessKeyID == b.Spec.SecretS3.AccessKeyID {
		t.Fatal("want the tenants to have different buckets and keys")
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

// TestClaimRecreated deletes a claim and applies it again at once. It checks that the
// new claim gets a new bucket and a new key.
func TestClaimRecreated(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)

	applyMinimalClaim(t, ns, "again")
	before := waitReady(t, ns, "again")

	mustKubectl(t, "", "delete", "--namespace", ns, "bucket.apps.cozystack.io/again")
	applyMinimalClaim(t, ns, "again")

	// The Secret of the deleted claim may still exist for a moment.
	await.For(t, "a Secret of the new claim", func() error {
		info, err := api.BucketInfo(t.Context(), kube, ns, "again", "")
		if err == nil && info.Spec.BucketName == before.Spec.BucketName {
			err = errors.New("it is the Secret of the deleted claim")
		}

		return err
	})

	after := waitReady(t, ns, "again")
	if before.Spec.BucketName == after.Spec.BucketName || before.Spec.SecretS3.AccessKeyID == after.Spec.SecretS3.AccessKeyID {
		t.Error("want a new bucket and a new key, got one of the deleted claim's")
	}

	if _, err := list(t.Context(), tenantClient(t, after), after.Spec.BucketName); err != nil {
		t.Errorf("the new key does not work: %v", err)
	}
}

// TestClaimEmptySpec checks that a claim whose spec is null becomes ready.
func TestClaimEmptySpec(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	mustKubectl(t, "apiVersion: apps.cozystack.io/v1alpha1\nkind: Bucket\nmetadata:\n  name: empty\nspec:\n",
		"apply", "--namespace", ns, "-f", "-")
	waitReady(t, ns, "empty")
}

// TestCompositionIsEnforced checks that a claim that names another Composition uses the
// platform's Composition.
func TestCompositionIsEnforced(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "choosy", "{crossplane: {compositionRef: {name: other}}}")
	waitReady(t, ns, "choosy")

	got := mustKubectl(t, "", "get", "bucket.apps.cozystack.io/choosy", "--namespace", ns,
		"--output=jsonpath={.spec.crossplane.compositionRef.name}")
	if got != "buckets" {
		t.Errorf("want Composition buckets, got %q", got)
	}
}

// TestTenantRole checks that a user with the role edit in a namespace may create claims
// there, and one with the role view may read them, but no managed resources.
func TestTenantRole(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	mustKubectl(t, "", "create", "rolebinding", "tenant", "--namespace", ns, "--clusterrole=edit", "--user=tenant")

	mustKubectl(t, "", "create", "rolebinding", "viewer", "--namespace", ns, "--clusterrole=view", "--user=viewer")

	for _, tc := range []struct{ user, verb, resource, want string }{
		{"tenant", "create", "buckets.apps.cozystack.io", "yes"},
		{"tenant", "create", "users.minio.cistern.dev", "no"},
		{"tenant", "create", "buckets.minio.cistern.dev", "no"},
		{"viewer", "list", "buckets.apps.cozystack.io", "yes"},
		{"viewer", "create", "buckets.apps.cozystack.io", "no"},
		{"viewer", "list", "users.minio.cistern.dev", "no"},
	} {
		await.For(t, "the answer "+tc.want+" for "+tc.user+" to "+tc.verb+" "+tc.resource, func() error {
			// can-i returns an error if the answer is no.
			got, _ := plat.Kubectl(t.Context(), "", "auth", "can-i", tc.verb, tc.resource, "--namespace", ns, "--as="+tc.user)
			if strings.TrimSpace(got) != tc.want {
				return errors.New(got)
			}

			return nil
		})
	}
}

// TestClaimLimits checks that claims with the smallest and largest valid values become
// ready.
func TestClaimLimits(t *testing.T) {
	t.Parallel()

	long := strings.Repeat("a", 63)

	cases := map[string]struct {
		reason, claim, user, spec string
	}{
		"LongNames": {
			reason: "Names of a claim and a user have up to 63 characters.",
			claim:  long, user: long, spec: "{users: {" + long + ": {}}}",
		},
		"ShortNames": {
			reason: "Names of a claim and a user have at least one character.",
			claim:  "a", user: "b", spec: "{users: {b: {}}}",
		},
		"DottedName": {reason: "A claim's name may have dots.", claim: "a.b-c.d", user: "0", spec: "{users: {'0': {}}}"},
		"Rules": {
			reason: "A claim has up to 50 lifecycle rules, with prefixes of up to 1024 characters.",
			claim:  "rules",
			spec: "{lifecycle: [" + strings.Repeat("{expireAfterDays: 36500, prefix: a/}, ", 49) +
				"{expireAfterDays: 1, prefix: " + strings.Repeat("a", 1024) + "}]}",
		},
		"Quota":    {reason: "The smallest quota is one byte.", claim: "quota", spec: "{quota: 1}"},
		"Fraction": {reason: "A fraction of a unit is rounded up to whole bytes.", claim: "fraction", spec: "{quota: 0.1Gi}"},
		"Rotation": {
			reason: "The shortest interval is a minute, and the longest trigger has 256 characters.",
			claim:  "rotation",
			spec:   "{rotation: {interval: 1m, overlap: 1m, trigger: " + strings.Repeat("a", 256) + "}}",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Log(tc.reason)

			ns := newNamespace(t)
			applyClaim(t, ns, tc.claim, tc.spec)
			waitReady(t, ns, tc.claim)
			wantCredentials(t, ns, tc.claim, "", tc.user)
		})
	}
}

// TestClaimUnknownPool checks that a claim on an unknown storage pool names the known
// ones, that nothing is composed for it, and that it can be deleted.
func TestClaimUnknownPool(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "unknown", "{storagePool: gold}")
	waitProvisioned(t, ns, "unknown", tenantv1alpha1.ReasonInvalidClaim, `storage pool "gold" does not exist; the pools are default`)
	wantNotComposed(t, ns, "unknown")

	// The tenant must be able to delete it.
	mustKubectl(t, "", "delete", "--namespace", ns, "buckets.apps.cozystack.io/unknown")
}
