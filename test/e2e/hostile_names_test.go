//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// TestTenantNames claims buckets in one namespace under the names and prefixes that Cistern uses
// itself, for claims and for users. It checks that each claim gets a bucket and keys of its own,
// and that no two of them share a Secret.
func TestTenantNames(t *testing.T) {
	t.Parallel()

	victim := newVictim(t).Spec.BucketName
	f := newTenant(t)
	f.claim(t, "first", "{}")
	waitReady(t, f.ns, "first")

	// The UID of a claim is a part of the names of its resources and connection Secrets.
	first := string(getClaim(t, f.ns, "first").GetUID())
	long := strings.Repeat("a", 63)

	claims := map[string][]string{
		"bucket":                     {"bucket", "user", "secret", "info", "namespace"},
		"bucket-first":               {"a-credentials-b", "credentials-a", "bucket-a", "user-a", "secret-a"},
		"user-" + first:              {first, "x" + first[:20]},
		"bucket-" + first:            {"user-" + first, "bucket-" + first},
		"secret-first":               {"0", "0-0", "a--b", "kube-root-ca-crt"},
		"credentials":                {"first", "secretcredentials"},
		"a.b.c-credentials":          {long},
		"x.apps.cozystack.io":        {"minio-cistern-dev"},
		long[:31] + "." + first[:31]: {"z" + long[:61] + "z"},
	}

	for name, users := range claims {
		f.claim(t, name, "{users: {'"+strings.Join(users, "': {readonly: true}, '")+"': {readonly: true}}}")
	}

	buckets, owners := map[string]string{victim: "the victim"}, map[string]string{}

	for name, users := range claims {
		info := waitReady(t, f.ns, name)
		wantCredentials(t, f.ns, name, append(slices.Clone(users), "")...)

		if owner := buckets[info.Spec.BucketName]; owner != "" {
			t.Errorf("want claim %s to have a bucket of its own, it has that of %s", name, owner)
		}

		buckets[info.Spec.BucketName] = name

		for _, user := range append(slices.Clone(users), "") {
			info := getBucketInfo(t, f.ns, name, user)
			wantOwnBucketOnly(t, info, victim)

			if owner := owners[info.Spec.SecretS3.AccessKeyID]; owner != "" {
				t.Errorf("want user %q of claim %s to have a key of its own, it has that of %s", user, name, owner)
			}

			owners[info.Spec.SecretS3.AccessKeyID] = name + "/" + user
		}
	}

	// Each Secret has one controller: a claim, or the User that publishes its key to it.
	secrets := &corev1.SecretList{}
	if err := kube.List(t.Context(), secrets, client.InNamespace(f.ns)); err != nil {
		t.Fatal(err)
	}

	want := 3 * (len(owners) + 1)
	if len(secrets.Items) != want {
		t.Errorf("want %d Secrets, three of each user, got %d", want, len(secrets.Items))
	}
}

// TestTenantNamesRefused tries names beyond their limits, and names that would lead two users to
// one Secret. It checks what the tenant reads.
func TestTenantNamesRefused(t *testing.T) {
	t.Parallel()

	f := newTenant(t)

	name := func(n int) string { return strings.Repeat("a", n) }
	dotted := strings.TrimSuffix(strings.Repeat(name(49)+".", 5), ".")
	labelled := func(key, value string) string {
		return fmt.Sprintf(`{apiVersion: apps.cozystack.io/v1alpha1, kind: Bucket, metadata: {name: a, labels: {%q: %q}}}`, key, value)
	}

	for name, tc := range map[string]struct {
		manifest string
		texts    []string
	}{
		"Claim64":         {manifest: claimManifest(name(64), "{}"), texts: []string{"metadata.name", "may not be more than 63 bytes"}},
		"Claim253":        {manifest: claimManifest(name(253), "{}"), texts: []string{"metadata.name", "63"}},
		"Claim249Dotted":  {manifest: claimManifest(dotted, "{}"), texts: []string{"metadata.name", "63"}},
		"Claim254":        {manifest: claimManifest(name(254), "{}"), texts: []string{"metadata.name", "63"}},
		"ClaimDotAtEnd":   {manifest: claimManifest("a.", "{}"), texts: []string{"metadata.name", "lowercase RFC 1123"}},
		"ClaimTwoDots":    {manifest: claimManifest("a..b", "{}"), texts: []string{"metadata.name", "lowercase RFC 1123"}},
		"ClaimPath":       {manifest: claimManifest("../a", "{}"), texts: []string{"may not contain '/'"}},
		"User64":          {manifest: claimManifest("a", "{users: {"+name(64)+": {}}}"), texts: []string{"spec.users", "at most 63"}},
		"User253":         {manifest: claimManifest("a", "{users: {"+name(253)+": {}}}"), texts: []string{"spec.users", "at most 63"}},
		"UserOurSuffix":   {manifest: claimManifest("a", "{users: {b-credentials: {}}}"), texts: []string{"spec.users", "end in -credentials"}},
		"UserTwoSuffixes": {manifest: claimManifest("a", "{users: {b-credentials-credentials: {}}}"), texts: []string{"end in -credentials"}},
		"Pool64":          {manifest: claimManifest("a", "{storagePool: "+name(64)+"}"), texts: []string{"spec.storagePool", "63 bytes"}},
		"LabelValue64":    {manifest: labelled("a", name(64)), texts: []string{"metadata.labels", "63"}},
		"LabelName64":     {manifest: labelled(name(64), "a"), texts: []string{"metadata.labels", "63"}},
		"LabelPrefix254":  {manifest: labelled(name(254)+"/a", "a"), texts: []string{"metadata.labels", "253"}},
		"Prefix1025": {
			manifest: claimManifest("a", "{lifecycle: [{expireAfterDays: 1, prefix: "+name(1025)+"}]}"),
			texts:    []string{"spec.lifecycle[0].prefix", "1024"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f.denied(t, tc.manifest, []string{"apply", "--dry-run=server", "-f", "-"}, tc.texts...)
		})
	}

	t.Run("Pool63", func(t *testing.T) {
		f.claim(t, "pool", "{storagePool: "+name(63)+"}")
		waitProvisioned(t, f.ns, "pool", tenantv1alpha1.ReasonInvalidClaim, `storage pool "`+name(63)+`" does not exist; the pools are default`)
		wantNotComposed(t, f.ns, "pool")
	})

	t.Run("Labels", func(t *testing.T) {
		// Labels that Crossplane and Cistern use themselves, at their limits.
		f.kubectl(t, `{apiVersion: apps.cozystack.io/v1alpha1, kind: Bucket, metadata: {name: labels, labels: {"crossplane.io/composite": victim,
			"apps.cozystack.io/user-secret": "false", "`+dotted+`/`+name(63)+`": `+name(63)+`}}, spec: {}}`,
			"apply", "-f", "-")
		waitReady(t, f.ns, "labels")
		wantCredentials(t, f.ns, "labels", "")
	})

	t.Run("SharedSecret", func(t *testing.T) {
		f.claim(t, "a", "{users: {b-c: {}}}")
		info := waitReady(t, f.ns, "a")
		f.claim(t, "a-b", "{users: {c: {}}}")
		waitProvisioned(t, f.ns, "a-b", tenantv1alpha1.ReasonSecretConflict, "are not this claim's: bucket-a-b-c, bucket-a-b-c-credentials;")
		wantCredentials(t, f.ns, "a", "", "b-c")
		testAllowed(t, info)
		f.claim(t, "a-b", "{}")
		waitReady(t, f.ns, "a-b")
		wantCredentials(t, f.ns, "a-b", "")
	})
}
