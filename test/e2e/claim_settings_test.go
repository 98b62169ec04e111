//go:build e2e

package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestClaimSettings checks that each setting of a claim is applied to the bucket when
// it is set, changed and removed.
func TestClaimSettings(t *testing.T) {
	t.Parallel()

	type step struct{ spec, want string }

	cases := map[string]struct {
		reason string
		// setting is the name of the bucketSetting that is checked.
		setting string
		steps   []step
	}{
		"Quota": {
			reason:  "A quota is applied in bytes, in whatever unit it is written.",
			setting: "Quota",
			steps: []step{
				{spec: "{quota: 10Gi}", want: "10737418240"},
				{spec: "{quota: 512Mi}", want: "536870912"},
				{spec: "{quota: 1000000000}", want: "1000000000"},
				{spec: "{quota: 1e9}", want: "1000000000"},
				{spec: "{}", want: "0"},
			},
		},
		"QuotaLater": {
			reason:  "A quota can be set after creation.",
			setting: "Quota",
			steps:   []step{{spec: "{}", want: "0"}, {spec: "{quota: 1M}", want: "1000000"}},
		},
		"Versioning": {
			reason:  "Versioning cannot be removed, only suspended.",
			setting: "Versioning",
			steps: []step{
				{spec: "{versioning: true}", want: "Enabled"},
				{spec: "{versioning: false}", want: "Suspended"},
				{spec: "{versioning: true}", want: "Enabled"},
				{spec: "{}", want: "Suspended"},
			},
		},
		"VersioningOff": {
			reason:  "A bucket without versioning stays so until versioning is set.",
			setting: "Versioning",
			steps:   []step{{spec: "{}", want: ""}, {spec: "{versioning: false}", want: "Suspended"}},
		},
		"Lifecycle": {
			reason:  "Rules keep their order. The provider aborts incomplete uploads itself, without a rule on the server.",
			setting: "Lifecycle",
			steps: []step{
				{
					spec: "{lifecycle: [{prefix: incoming/, expireAfterDays: 30}, {expireNoncurrentAfterDays: 90}, {abortIncompleteUploadsAfterDays: 1}]}",
					want: `"incoming/": 30, 0; "": 0, 90`,
				},
				{
					spec: "{lifecycle: [{expireNoncurrentAfterDays: 90}, {prefix: incoming/, expireAfterDays: 31}]}",
					want: `"": 0, 90; "incoming/": 31, 0`,
				},
				{spec: "{lifecycle: [{prefix: a & b/, expireAfterDays: 36500}]}", want: `"a & b/": 36500, 0`},
				{spec: "{lifecycle: []}", want: ""},
				{spec: "{lifecycle: [{expireAfterDays: 1}]}", want: `"": 1, 0`},
				{spec: "{}", want: ""},
			},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Log(tc.reason)

			ns, s := newNamespace(t), bucketSettings[tc.setting]

			for _, step := range tc.steps {
				applyClaim(t, ns, "settings", step.spec)
				s.waitFor(t, waitReady(t, ns, "settings").Spec.BucketName, step.want)
			}
		})
	}
}

// TestClaimLockedVersions checks that neither the tenant nor an administrator can delete
// an object of a bucket with locking, or shorten its lock, within the pool's retention.
// The bucket with the object stays on the server after the test.
func TestClaimLockedVersions(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	applyClaim(t, ns, "locked", "{locking: true}")
	info := waitReady(t, ns, "locked")
	bucket, s3 := info.Spec.BucketName, tenantClient(t, info)

	bucketSettings["Retention"].waitFor(t, bucket, "COMPLIANCE 365 DAYS")
	bucketSettings["Versioning"].waitFor(t, bucket, "Enabled")

	if err := put(ctx, s3, bucket, "precious"); err != nil {
		t.Fatal(err)
	}

	o, err := s3.StatObject(ctx, bucket, "precious", statOptions)
	if err != nil {
		t.Fatal(err)
	}

	for who, s3 := range map[string]*miniogo.Client{"tenant": s3, "administrator": admin.S3} {
		for how, opts := range map[string]miniogo.RemoveObjectOptions{
			"delete": {VersionID: o.VersionID},
			"bypass": {VersionID: o.VersionID, GovernanceBypass: true},
			"force":  {VersionID: o.VersionID, ForceDelete: true},
		} {
			if err := s3.RemoveObject(ctx, bucket, "precious", opts); err == nil {
				t.Errorf("%s by the %s: want the locked version to stay", how, who)
			}
		}
	}

	mode, until, err := s3.GetObjectRetention(ctx, bucket, "precious", o.VersionID)
	if err != nil || mode == nil || *mode != miniogo.Compliance || time.Until(*until) < 364*24*time.Hour {
		t.Errorf("want a Compliance lock of a year, got %v until %v, %v", mode, until, err)
	}

	if err := s3.PutObjectRetention(ctx, bucket, "precious", miniogo.PutObjectRetentionOptions{
		Mode: new(miniogo.Compliance), RetainUntilDate: new(time.Now().Add(24 * time.Hour)), VersionID: o.VersionID, GovernanceBypass: true,
	}); err == nil {
		t.Error("want an error when a lock is shortened, got none")
	}

	wantDenied(t, "change the retention of the bucket", s3.SetObjectLockConfig(ctx, bucket, nil, nil, nil))

	// Overwriting and deleting the object keep its locked version.
	if err := put(ctx, s3, bucket, "precious"); err != nil {
		t.Errorf("overwrite: %v", err)
	}

	if err := remove(ctx, s3, bucket, "precious"); err != nil {
		t.Errorf("delete: %v", err)
	}

	if _, err := s3.StatObject(ctx, bucket, "precious", miniogo.StatObjectOptions{VersionID: o.VersionID}); err != nil {
		t.Errorf("want the locked version to be kept, got %v", err)
	}
}

// TestClaimColumns checks the columns that kubectl prints for a claim, with and without
// --output=wide.
func TestClaimColumns(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "columns", "{rotation: {interval: 720h}}")
	info := waitReady(t, ns, "columns")
	c := getClaim(t, ns, "columns")

	want := map[string]string{
		"NAME":     "columns",
		"READY":    "True",
		"STATE":    "Provisioned",
		"BUCKET":   info.Spec.BucketName,
		"ENDPOINT": info.Spec.SecretS3.Endpoint,
		"SECRET":   "bucket-columns",
	}
	wide := map[string]string{
		"ACCESS-KEY":    tenantv1alpha1.MaskAccessKeyID(info.Spec.SecretS3.AccessKeyID),
		"NEXT-ROTATION": c.Status.Credentials[0].NextRotationAt.UTC().Format(time.RFC3339),
	}

	// Crossplane repeats a claim's earlier conditions for a moment, see becameUnready.
	await.For(t, "the columns of the claim", func() error {
		got := columns(t, mustKubectl(t, "", "get", "buckets.apps.cozystack.io", "--namespace", ns))
		gotWide := columns(t, mustKubectl(t, "", "get", "buckets.apps.cozystack.io", "--namespace", ns, "--output=wide"))

		for column, text := range want {
			if got[column] != text || gotWide[column] != text {
				return fmt.Errorf("%s: want %q, got %q, and with -o wide %q", column, text, got[column], gotWide[column])
			}
		}

		for column, text := range wide {
			if _, there := got[column]; there || gotWide[column] != text {
				return fmt.Errorf("%s: want %q, with -o wide only, got %q", column, text, gotWide[column])
			}
		}

		return nil
	})
}

// columns returns the values that kubectl prints for one resource, by column.
func columns(t *testing.T, out string) map[string]string {
	t.Helper()

	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("want a header and one line, got\n%s", out)
	}

	header, values := strings.Fields(lines[0]), strings.Fields(lines[1])
	if len(header) != len(values) {
		t.Fatalf("want a value in each column, got\n%s", out)
	}

	m := make(map[string]string, len(header))
	for i, column := range header {
		m[column] = values[i]
	}

	return m
}

// TestClaimOverridesManualEdits edits the quota of a claim's Bucket. It checks that the
// claim's quota is restored.
func TestClaimOverridesManualEdits(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "by-hand", "{quota: 1Gi}")
	info := waitReady(t, ns, "by-hand")

	await.Change(t, kube, getBucket(t, ns, "by-hand"), func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Quota.Set(1) })
	await.For(t, "the Bucket to have the claim's quota again", func() error {
		if got := getBucket(t, ns, "by-hand").Spec.ForProvider.Quota.String(); got != "1Gi" {
			return fmt.Errorf("it is %s", got)
		}

		return nil
	})
	bucketSettings["Quota"].waitFor(t, info.Spec.BucketName, "1073741824")
}

// TestClaimRapidChanges changes a claim so often that Crossplane's circuit breaker drops
// events of the claim. It checks that every change is applied all the same.
func TestClaimRapidChanges(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyMinimalClaim(t, ns, "hasty")
	bucket := waitReady(t, ns, "hasty").Spec.BucketName

	for mebibytes := range 10 {
		applyClaim(t, ns, "hasty", fmt.Sprintf("{quota: %dMi}", mebibytes+1))
		bucketSettings["Quota"].waitFor(t, bucket, strconv.Itoa((mebibytes+1)<<20))
	}
}
