//go:build e2e

package e2e

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/dev/install"
)

// useComposition installs the Composition of a file as a package for the time of a
// test, and the project's own Composition afterwards. Tests that use it do not run
// in parallel with others.
func useComposition(t *testing.T, file string) {
	t.Helper()

	// t.TempDir() would be removed before the cleanup runs.
	output, err := os.MkdirTemp("", "cistern-composition-")
	if err != nil {
		t.Fatal(err)
	}

	use := func(file string) error {
		return install.Composition(context.Background(), plat, repo, output, "", filepath.Join(repo, file))
	}

	t.Cleanup(func() {
		if err := use("package/configuration/composition.yaml"); err != nil {
			t.Errorf("cannot restore the project's own Composition: %v", err)
		}

		_ = os.RemoveAll(output)
	})

	if err := use(file); err != nil {
		t.Fatal(err)
	}
}

// TestCompositionOnePool checks that the defaults, limits and rules of the example
// Composition with one pool are enforced.
func TestCompositionOnePool(t *testing.T) {
	useComposition(t, "examples/platform/composition-one-pool.yaml")

	ns := newNamespace(t)

	applyClaim(t, ns, "plain", "{}")
	plain := waitReady(t, ns, "plain")

	p := getBucket(t, ns, "plain").Spec.ForProvider
	if p.Quota.String() != "10Gi" || len(p.Lifecycle) != 1 || *p.Lifecycle[0].AbortIncompleteUploadsAfterDays != 2 {
		t.Errorf("want the pool's defaults, got quota %s and lifecycle %+v", p.Quota, p.Lifecycle)
	}

	bucketSettings["Quota"].waitFor(t, getClaim(t, ns, "plain").Status.BucketName, "10737418240")

	if c := getClaim(t, ns, "plain").Status.Credentials; len(c) != 1 || c[0].NextRotationAt == nil {
		t.Errorf("want a next rotation in the credentials' status, got %+v", c)
	}

	for name, tc := range map[string]struct{ spec, reason, message string }{
		"public":  {"{publicRead: true}", tenantv1alpha1.ReasonInvalidClaim, `storage pool "default" does not offer publicRead`},
		"locked":  {"{locking: true}", tenantv1alpha1.ReasonInvalidClaim, `storage pool "default" does not offer locking`},
		"large":   {"{quota: 101Gi}", tenantv1alpha1.ReasonInvalidClaim, "100Gi"},
		"overlap": {"{rotation: {interval: 24h, overlap: 1m}}", tenantv1alpha1.ReasonRuleBroken, "rotation.overlap must be 1h at least"},
		"careless": {
			"{deletionPolicy: Delete, quota: 21Gi}", tenantv1alpha1.ReasonRuleBroken,
			"deletionPolicy Delete is for buckets with a quota of at most 20Gi",
		},
	} {
		applyClaim(t, ns, name, tc.spec)
		waitProvisioned(t, ns, name, tc.reason, tc.message)
		wantNotComposed(t, ns, name)
	}

	// A claim that is corrected becomes ready.
	applyClaim(t, ns, "large", "{quota: 100Gi}")
	waitReady(t, ns, "large")

	// A change that breaks a rule is not applied: the bucket keeps its settings and works.
	applyClaim(t, ns, "plain", "{deletionPolicy: Delete, quota: 50Gi, users: {alice: {}}}")
	waitProvisioned(t, ns, "plain", tenantv1alpha1.ReasonRuleBroken, "not applied: deletionPolicy, quota, users.alice")

	if got := getBucket(t, ns, "plain").Spec.ForProvider.Quota.String(); got != "10Gi" {
		t.Errorf("want the quota to stay 10Gi while a rule is broken, got %s", got)
	}

	testAllowed(t, plain)

	// The claim is ready again once the change is reverted.
	applyClaim(t, ns, "plain", "{}")
	waitReady(t, ns, "plain")
}

// TestCompositionGoldSilver checks that the example Composition with two pools
// follows the labels of the claim's namespace, as soon as they change.
func TestCompositionGoldSilver(t *testing.T) {
	useComposition(t, "examples/platform/composition-gold-silver.yaml")

	ns := newNamespace(t)

	applyClaim(t, ns, "silver", "{}")
	waitReady(t, ns, "silver")
	bucketSettings["Quota"].waitFor(t, getClaim(t, ns, "silver").Status.BucketName, "10737418240")

	applyClaim(t, ns, "gold", "{storagePool: gold}")
	waitProvisioned(t, ns, "gold", tenantv1alpha1.ReasonRuleBroken, "cistern.dev/tier=gold")
	wantNotComposed(t, ns, "gold")

	mustKubectl(t, "", "label", "namespace", ns, "cistern.dev/tier=gold", "cistern.dev/quota=200Gi")
	gold := waitReady(t, ns, "gold")
	bucketSettings["Versioning"].waitFor(t, getClaim(t, ns, "gold").Status.BucketName, "Enabled")

	applyClaim(t, ns, "large", "{storagePool: gold, quota: 201Gi}")
	waitProvisioned(t, ns, "large", tenantv1alpha1.ReasonRuleBroken, "quota is at most 200Gi in namespace "+ns)
	wantNotComposed(t, ns, "large")

	applyClaim(t, ns, "public", "{storagePool: gold, publicRead: true}")
	waitProvisioned(t, ns, "public", tenantv1alpha1.ReasonRuleBroken, "example.org/public-since")
	mustKubectl(t, "", "annotate", "--namespace", ns, "bucket.apps.cozystack.io/public", "example.org/public-since=2026-01-01")
	public := waitReady(t, ns, "public")
	bucketSettings["AnonymousDownload"].waitFor(t, getClaim(t, ns, "public").Status.BucketName, "read: OK, list: AccessDenied")
	empty(t, admin.S3, public.Spec.BucketName)

	// A bucket that was created while the label was set stays when it is removed.
	mustKubectl(t, "", "label", "namespace", ns, "cistern.dev/tier-")
	waitProvisioned(t, ns, "gold", tenantv1alpha1.ReasonRuleBroken, "cistern.dev/tier=gold")
	testAllowed(t, gold)
	empty(t, admin.S3, gold.Spec.BucketName)
}

// TestCompositionLockedBackups checks the rules and the retention of the example
// Composition in which every bucket is locked.
func TestCompositionLockedBackups(t *testing.T) {
	useComposition(t, "examples/platform/composition-locked-backups.yaml")

	ns := newNamespace(t)

	for name, tc := range map[string]struct{ spec, message string }{
		"backup-open":   {"{}", "set spec.locking to true"},
		"database":      {"{locking: true}", "claims here are called backup-"},
		"backup-shared": {"{locking: true, users: {writer: {}}}", "further users of backups are read-only"},
	} {
		applyClaim(t, ns, name, tc.spec)
		waitProvisioned(t, ns, name, tenantv1alpha1.ReasonRuleBroken, tc.message)
		wantNotComposed(t, ns, name)
	}

	applyClaim(t, ns, "backup-db", "{locking: true, users: {auditor: {readonly: true}}}")
	waitReady(t, ns, "backup-db")

	// The policies of the claim's users deny unsigned uploads, as the pool asks, and
	// uploads that check no lock, as the bucket has locking.
	for _, user := range []string{"", "auditor"} {
		p, err := admin.InfoCannedPolicyV2(t.Context(), getBucketInfo(t, ns, "backup-db", user).Spec.SecretS3.AccessKeyID)
		if err != nil || !strings.Contains(string(p.Policy), "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
			t.Errorf("user %q: want a policy that denies unsigned uploads, got %+v, %v", user, p, err)
		}

		if err == nil && !strings.Contains(string(p.Policy), "s3:authType") {
			t.Errorf("user %q: want a policy that denies unchecked uploads, got %s", user, p.Policy)
		}
	}

	bucket := getClaim(t, ns, "backup-db").Status.BucketName

	// TestStrangerWithKeyID shows that this is accepted without the denial.
	id := getBucketInfo(t, ns, "backup-db", "").Spec.SecretS3.AccessKeyID
	if status, body := forgedUpload(bucket, id).send(t); status != http.StatusForbidden {
		t.Errorf("want an upload with nothing but the ID of a key to be denied, got %d %s", status, body)
	}

	// The bucket outlives its claim. It can be removed because nothing was written to it.
	t.Cleanup(func() {
		if err := admin.S3.RemoveBucket(context.Background(), bucket); err != nil {
			t.Error(err)
		}
	})

	bucketSettings["Retention"].waitFor(t, bucket, "COMPLIANCE 30 DAYS")
}
