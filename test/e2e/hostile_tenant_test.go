//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	miniogo "github.com/minio/minio-go/v7"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// wantOwnBucketOnly checks that the policy of a claim's user names the claim's bucket
// and no other, and that its key is denied every access to a victim's bucket, which
// holds the object precious.
func wantOwnBucketOnly(t testing.TB, info tenantv1alpha1.BucketInfo, victim string) {
	t.Helper()

	ctx, bucket := t.Context(), info.Spec.BucketName

	p, err := admin.InfoCannedPolicyV2(ctx, userOf(ctx, info))
	if err != nil {
		t.Fatalf("cannot read the user's policy: %v", err)
	}

	var document struct {
		Statement []struct {
			Effect      string
			Resource    []string
			NotResource []string
			NotAction   []string
		}
	}
	if err := json.Unmarshal(p.Policy, &document); err != nil {
		t.Fatal(err)
	}

	allowed := map[string]bool{}

	for _, s := range document.Statement {
		if s.Effect == "Deny" {
			continue
		}

		if len(s.NotResource)+len(s.NotAction) > 0 || len(s.Resource) == 0 {
			t.Errorf("want each statement to name its actions and resources, got %s", p.Policy)
		}

		for _, r := range s.Resource {
			allowed[r] = true
		}
	}

	want := []string{"arn:aws:s3:::" + bucket, "arn:aws:s3:::" + bucket + "/*"}
	if got := slices.Sorted(maps.Keys(allowed)); !slices.Equal(got, want) {
		t.Errorf("want the policy to allow %q, got %q", want, got)
	}

	s3 := tenantClient(t, info)
	if _, err := list(ctx, s3, bucket); err != nil {
		t.Errorf("list the own bucket: %v", err)
	}

	wantDenied(t, "write to the victim's bucket", put(ctx, s3, victim, "stolen"))
	wantDenied(t, "overwrite in the victim's bucket", put(ctx, s3, victim, "precious"))
	wantDenied(t, "delete from the victim's bucket", remove(ctx, s3, victim, "precious"))
	_, err = list(ctx, s3, victim)
	wantDenied(t, "list the victim's bucket", err)

	core := miniogo.Core{Client: s3}
	_, _, _, err = core.GetObject(ctx, victim, "precious", miniogo.GetObjectOptions{})
	wantDenied(t, "read from the victim's bucket", err)

	// A path out of the own bucket does not lead to the victim's.
	for _, key := range []string{"../" + victim + "/precious", "/../" + victim + "/precious"} {
		o, _, _, err := core.GetObject(ctx, bucket, key, miniogo.GetObjectOptions{})
		if err == nil {
			_ = o.Close()

			t.Errorf("read %q: want an error", key)
		}
	}

	buckets, err := s3.ListBuckets(ctx)
	for _, b := range buckets {
		if b.Name != bucket {
			t.Errorf("list all buckets: got %q", b.Name)
		}
	}

	if err != nil {
		wantDenied(t, "list all buckets", err)
	}
}

// userOf returns the server's user of a key, whose name is also its policy's. The first key is the
// user's own.
func userOf(ctx context.Context, info tenantv1alpha1.BucketInfo) string {
	id := info.Spec.SecretS3.AccessKeyID
	if key, err := admin.InfoServiceAccount(ctx, id); err == nil {
		return key.ParentUser
	}

	return id
}

// TestClaimHostileTexts fills every free-text field of a claim with texts that have a
// meaning in a policy, a shell, a path or a file format. It checks that the claim's
// users can access their own bucket only.
func TestClaimHostileTexts(t *testing.T) {
	t.Parallel()

	victim := newVictim(t).Spec.BucketName

	const hostileStatement = `*"]},{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*`

	cases := map[string]struct {
		reason, text string
	}{
		"Quotes":      {reason: "Quotes end a string in JSON.", text: `"'` + "`"},
		"Statement":   {reason: "The text ends a statement of a policy and begins another.", text: hostileStatement},
		"ARN":         {reason: "The text names another bucket.", text: "arn:aws:s3:::" + victim + "/*"},
		"Path":        {reason: "The path leads out of the bucket.", text: "../" + victim + "/"},
		"Absolute":    {reason: "The path leads to another bucket.", text: "/" + victim},
		"Star":        {reason: "The wildcard matches everything.", text: "*"},
		"Mark":        {reason: "The wildcard matches any character.", text: "bucket-????????"},
		"Variable":    {reason: "Servers, shells and templates replace variables.", text: "${aws:username}/$HOME/$(id)/{{.Values}}"},
		"Lines":       {reason: "Line breaks begin a new entry in a file.", text: "a\nbucket = x\r\n[default]\tb"},
		"XML":         {reason: "The text ends an XML element.", text: "</Prefix></Filter><Status>Disabled</Status>&amp;<!--]]>"},
		"YAML":        {reason: "The text ends a YAML document.", text: "\n---\nkind: Secret\n- &a *a !!binary"},
		"Unicode":     {reason: "Not all characters are ASCII.", text: "Zürich ☃ Ωmega \u202Egpj.\u202C e\u0301"},
		"Percent":     {reason: "Percent-encoded text may be decoded once too often.", text: "%2e%2e%2f" + victim + "%00%s%d%!"},
		"Backslashes": {reason: "Backslashes escape the next character.", text: `\..\` + victim + `\u002a\`},
		"Blank":       {reason: "Blanks may be trimmed.", text: "  "},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Log(tc.reason)

			ns := newNamespace(t)
			manifest, err := json.Marshal(map[string]any{
				"apiVersion": "apps.cozystack.io/v1alpha1",
				"kind":       "Bucket",
				"metadata": map[string]any{
					"name": "hostile",
					// The API server validates labels and keys, so they cannot hold any text.
					"labels": map[string]string{
						"crossplane.io/composite": "victim", "crossplane.io/claim-name": "victim", "bucket": "bucket-..victim",
					},
					"annotations": map[string]string{
						"note":                        tc.text,
						"crossplane.io/external-name": victim,
						"crossplane.io/composition-resource-name": tc.text,
						"crossplane.io/external-create-pending":   tc.text,
					},
				},
				"spec": map[string]any{
					"lifecycle": []any{map[string]any{"prefix": tc.text, "expireAfterDays": 1}},
					"rotation":  map[string]any{"trigger": tc.text},
					"users":     map[string]any{"reader": map[string]any{"readonly": true}, "writer": map[string]any{}},
				},
			})
			if err != nil {
				t.Fatal(err)
			}

			mustKubectl(t, string(manifest), "apply", "--namespace", ns, "-f", "-")
			info := waitReady(t, ns, "hostile")

			if got := string(getClaim(t, ns, "hostile").GetUID()); info.Spec.BucketName != "bucket-"+got {
				t.Errorf("want the claim to have a bucket of its own, got %q", info.Spec.BucketName)
			}

			bucketSettings["Lifecycle"].waitFor(t, info.Spec.BucketName, fmt.Sprintf("%q: 1, 0", tc.text))
			wantCredentials(t, ns, "hostile", "", "reader", "writer")

			for _, user := range []string{"", "reader", "writer"} {
				wantOwnBucketOnly(t, getBucketInfo(t, ns, "hostile", user), victim)
			}
		})
	}
}

// TestTenantQuota applies the example's ResourceQuota. It checks that a tenant cannot claim more
// buckets than it allows, and what the tenant reads.
func TestTenantQuota(t *testing.T) {
	t.Parallel()

	f := newTenant(t)

	text, err := os.ReadFile(filepath.Join(repo, "examples", "platform", "tenant-quota.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	mustKubectl(t, strings.NewReplacer("team-a", f.ns, `"20"`, `"1"`).Replace(string(text)), "apply", "-f", "-")
	await.For(t, "the quota to be counted", func() error {
		out, err := f.try("", "get", "resourcequota", "buckets", "--output=jsonpath={.status.used}")
		if err == nil && out == "" {
			err = errors.New("it is not")
		}

		return err
	})

	f.claim(t, "first", "{}")
	f.denied(t, claimManifest("second", "{}"), []string{"create", "-f", "-"}, "exceeded quota: buckets")
	waitReady(t, f.ns, "first")
}

// TestTenantKeepsDeletedClaim pins what a tenant can do to a claim that it deletes: with a finalizer of
// its own the bucket and the key stay. See docs/security.md. It checks that all goes with the
// finalizer.
func TestTenantKeepsDeletedClaim(t *testing.T) {
	t.Parallel()

	f := newTenant(t)
	f.claim(t, "kept", "{}")
	info := waitReady(t, f.ns, "kept")

	const claim = "buckets.apps.cozystack.io/kept"

	f.kubectl(t, "", "patch", claim, "--type=json", `--patch=[{"op": "add", "path": "/metadata/finalizers/-", "value": "example.org/keep"}]`)
	f.kubectl(t, "", "delete", claim, "--wait=false")
	await.For(t, "Crossplane to give up the claim", func() error {
		if got := getClaim(t, f.ns, "kept").Finalizers; !slices.Equal(got, []string{"example.org/keep"}) {
			return fmt.Errorf("it has the finalizers %q", got)
		}

		return nil
	})
	testAllowed(t, info)

	f.kubectl(t, "", "patch", claim, "--type=merge", `--patch={"metadata": {"finalizers": null}}`)
	waitNothingLeft(t, f.ns, info)
	waitKeyRejected(t, info)
}
