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
