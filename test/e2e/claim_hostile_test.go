//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// wantOwnBucketOnly wants the policy of a claim's user to name the claim's bucket
// and no other, and its key to be of no use on a victim's bucket, which holds the
// object precious.
func wantOwnBucketOnly(t testing.TB, info tenantv1alpha1.BucketInfo, victim string) {
	t.Helper()

	ctx, bucket := t.Context(), info.Spec.BucketName

	p, err := admin.InfoCannedPolicyV2(ctx, info.Spec.SecretS3.AccessKeyID)
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
			t.Errorf("a statement allows more than it names: %s", p.Policy)
		}

		for _, r := range s.Resource {
			allowed[r] = true
		}
	}

	if got, want := slices.Sorted(maps.Keys(allowed)), []string{"arn:aws:s3:::" + bucket, "arn:aws:s3:::" + bucket + "/*"}; !slices.Equal(got, want) {
		t.Errorf("the policy allows %q, want %q", got, want)
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

	// The same by way of the own bucket.
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

// newVictim claims a bucket with something in it in a namespace of its own, and
// wants it to be as it was in the end.
func newVictim(t *testing.T) tenantv1alpha1.BucketInfo {
	t.Helper()

	ns := newNamespace(t)
	// Purged with its namespace.
	applyClaim(t, ns, "victim", "{deletionPolicy: Delete}")
	info := waitReady(t, ns, "victim")

	if err := put(t.Context(), tenantClient(t, info), info.Spec.BucketName, "precious"); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { wantObjectIntact(t, info.Spec.BucketName) })

	return info
}

// TestClaimHostileTexts puts texts that mean something to a policy, a shell, a path or
// a file format in all fields of a claim that take any: no user gets beyond its
// bucket.
func TestClaimHostileTexts(t *testing.T) {
	t.Parallel()

	victim := newVictim(t).Spec.BucketName

	cases := map[string]struct {
		reason, text string
	}{
		"Quotes":      {reason: "They end a string of JSON.", text: `"'` + "`"},
		"Statement":   {reason: "It ends a statement and begins another.", text: `*"]},{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*`},
		"ARN":         {reason: "It names another bucket.", text: "arn:aws:s3:::" + victim + "/*"},
		"Path":        {reason: "It leads out of the bucket.", text: "../" + victim + "/"},
		"Absolute":    {reason: "It leads to another bucket.", text: "/" + victim},
		"Star":        {reason: "It stands for everything.", text: "*"},
		"Mark":        {reason: "It stands for any character.", text: "bucket-????????"},
		"Variable":    {reason: "The server puts something in its place.", text: "${aws:username}/$HOME/$(id)/{{.Values}}"},
		"Lines":       {reason: "They begin a new line in a file.", text: "a\nbucket = x\r\n[default]\tb"},
		"XML":         {reason: "It ends an element.", text: "</Prefix></Filter><Status>Disabled</Status>&amp;<!--]]>"},
		"YAML":        {reason: "It ends a document.", text: "\n---\nkind: Secret\n- &a *a !!binary"},
		"Unicode":     {reason: "Not everything is ASCII.", text: "Zürich ☃ Ωmega \u202Egpj.\u202C e\u0301"},
		"Percent":     {reason: "It is decoded once too often.", text: "%2e%2e%2f" + victim + "%00%s%d%!"},
		"Backslashes": {reason: "They escape.", text: `\..\` + victim + `\u002a\`},
		"Blank":       {reason: "It is cut off.", text: "  "},
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
					// What labels and keys may hold the API server checks.
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
				t.Errorf("the claim has bucket %q, which is not its own", info.Spec.BucketName)
			}

			bucketSettings["Lifecycle"].waitFor(t, info.Spec.BucketName, fmt.Sprintf("%q: 1, 0", tc.text))
			wantCredentials(t, ns, "hostile", "", "reader", "writer")

			for _, user := range []string{"", "reader", "writer"} {
				wantOwnBucketOnly(t, getBucketInfo(t, ns, "hostile", user), victim)
			}
		})
	}
}

// TestTenantForgesSecrets lets a tenant write another tenant's bucket in a Secret
// of its claim, or delete it: it reaches nothing more, and the claim's Secrets
// soon say again what is true.
func TestTenantForgesSecrets(t *testing.T) {
	t.Parallel()

	victim := newVictim(t).Spec.BucketName

	for _, user := range []string{"", "reader"} {
		for kind, secret := range map[string]func(t *testing.T, ns string) string{
			"BucketInfo":  func(*testing.T, string) string { return tenantv1alpha1.SecretNameFor("forged", user) },
			"Credentials": func(*testing.T, string) string { return tenantv1alpha1.CredentialsSecretNameFor("forged", user) },
			"Connection": func(t *testing.T, ns string) string {
				t.Helper()
				_, s := connectionNames(t, ns, "forged", user)

				return s
			},
		} {
			t.Run(kind+"Edited"+user, func(t *testing.T) {
				t.Parallel()

				f := newForgery(t, victim)
				document, shapes := f.lies(t, user)

				lies := shapes
				if kind == "BucketInfo" {
					lies = map[string][]byte{tenantv1alpha1.BucketInfoKey: document}
				}

				patch, err := json.Marshal(map[string]any{"data": lies})
				if err != nil {
					t.Fatal(err)
				}

				f.asTenant(t, "patch", "secret", secret(t, f.ns), "--type=merge", "--patch="+string(patch))
				f.waitRestored(t)
			})

			if kind == "Connection" {
				// The key goes with it: TestClaimKeyReplaced.
				continue
			}

			t.Run(kind+"Deleted"+user, func(t *testing.T) {
				t.Parallel()

				f := newForgery(t, victim)
				f.asTenant(t, "delete", "secret", secret(t, f.ns))
				f.waitRestored(t)
			})
		}
	}
}

// TestTenantForgesReferences has a claim refer to a ConfigMap that says it is the
// claim's Bucket, on the bucket of somebody else: nobody gets there, the claim says
// what is wrong, and goes on once it is put right.
func TestTenantForgesReferences(t *testing.T) {
	t.Parallel()

	const field = "/spec/crossplane/resourceRefs"

	f := newForgery(t, newVictim(t).Spec.BucketName)
	refs := mustKubectl(t, "", "get", "buckets.apps.cozystack.io/forged", "--namespace", f.ns, "--output=jsonpath={.spec.crossplane.resourceRefs}")

	f.asTenant(t, "create", "configmap", "mine")
	f.asTenant(t, "annotate", "configmap", "mine", "crossplane.io/composition-resource-name=bucket", "crossplane.io/external-name="+f.victim)
	f.asTenant(t, "patch", "buckets.apps.cozystack.io/forged", "--type=json",
		`--patch=[{"op": "add", "path": "`+field+`/-", "value": {"apiVersion": "v1", "kind": "ConfigMap", "name": "mine"}}]`)

	await.For(t, "the claim to say what is wrong", func() error {
		b := getClaim(t, f.ns, "forged")
		if c := b.Status.GetCondition(xpv1.TypeSynced); c.Status != corev1.ConditionFalse || !strings.Contains(c.Message, `ConfigMap "mine" cannot be the claim's bucket`) {
			return fmt.Errorf("it says %q", c.Message)
		}

		return nil
	})

	for _, user := range []string{"", "reader"} {
		wantOwnBucketOnly(t, getBucketInfo(t, f.ns, "forged", user), f.victim)
	}

	f.asTenant(t, "patch", "buckets.apps.cozystack.io/forged", "--type=json", `--patch=[{"op": "replace", "path": "`+field+`", "value": `+refs+`}]`)
	await.For(t, "the claim to go on", func() error {
		if c := getClaim(t, f.ns, "forged").Status.GetCondition(xpv1.TypeSynced); c.Status != corev1.ConditionTrue {
			return errors.New(c.Message)
		}

		return nil
	})
	f.waitRestored(t)
}

// A forgery is a claim whose tenant would like to have another's bucket.
type forgery struct {
	ns, victim string
	before     []*corev1.Secret
}

func newForgery(t *testing.T, victim string) forgery {
	t.Helper()

	f := forgery{ns: newNamespace(t), victim: victim}
	mustKubectl(t, "", "create", "rolebinding", "tenant", "--namespace", f.ns, "--clusterrole=edit", "--user=tenant-of-"+f.ns)
	applyClaim(t, f.ns, "forged", "{users: {reader: {readonly: true}}}")
	waitReady(t, f.ns, "forged")

	for _, user := range []string{"", "reader"} {
		_, connection := connectionNames(t, f.ns, "forged", user)
		for _, name := range []string{connection, tenantv1alpha1.SecretNameFor("forged", user), tenantv1alpha1.CredentialsSecretNameFor("forged", user)} {
			f.before = append(f.before, getSecret(t, f.ns, name))
		}
	}

	return f
}

// lies returns what the tenant would like to be true of a user, as BucketInfo and
// in all other shapes.
func (f forgery) lies(t *testing.T, user string) (document []byte, shapes map[string][]byte) {
	t.Helper()

	info := getBucketInfo(t, f.ns, "forged", user)
	info.Spec.BucketName, info.Spec.SecretS3.Endpoint, info.Spec.SecretS3.Region = f.victim, "https://evil.example.org", "evil"

	document, err := info.Document()
	if err != nil {
		t.Fatal(err)
	}

	s3 := info.Spec.SecretS3

	return document, miniov1alpha1.Connection{
		Endpoint: s3.Endpoint, Region: s3.Region, AccessKeyID: s3.AccessKeyID, SecretAccessKey: s3.AccessSecretKey, BucketName: f.victim,
	}.Details()
}

// asTenant runs kubectl with the rights of an editor of the namespace, once it
// has them.
func (f forgery) asTenant(t *testing.T, args ...string) {
	t.Helper()
	await.For(t, "the tenant to be allowed to "+args[0], func() error {
		_, err := plat.Kubectl(t.Context(), "", append(args, "--namespace", f.ns, "--as=tenant-of-"+f.ns)...)
		return err
	})
}

// waitRestored waits until the Secrets are as they were, and stay so, and wants
// nobody to have got more than there was.
func (f forgery) waitRestored(t *testing.T) {
	t.Helper()

	users := []string{"", "reader"}

	await.For(t, "the Secrets to be as they were", func() error {
		// The provider looks at a connection Secret when it looks at its User.
		for _, user := range users {
			resource, _ := connectionNames(t, f.ns, "forged", user)
			reconcileNow(t, &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: resource}})
		}

		// What was read of a lie is written a moment later.
		time.Sleep(3 * time.Second)

		for _, before := range f.before {
			s := &corev1.Secret{}
			if err := kube.Get(t.Context(), client.ObjectKeyFromObject(before), s); err != nil {
				return err
			}

			if !maps.EqualFunc(before.Data, s.Data, bytes.Equal) {
				return errors.New("Secret " + before.Name + " says something else")
			}
		}

		return nil
	})
	waitReady(t, f.ns, "forged")
	wantCredentials(t, f.ns, "forged", users...)

	for _, user := range users {
		wantOwnBucketOnly(t, getBucketInfo(t, f.ns, "forged", user), f.victim)
	}
}

// TestClaimSecretNameConflict claims buckets whose Secrets would have the same
// names: who comes second says so, and the first is untouched.
func TestClaimSecretNameConflict(t *testing.T) {
	t.Parallel()

	type claimOf struct{ name, spec, user string }

	var (
		withUser    = claimOf{name: "a", spec: "{users: {b: {}}}", user: "b"}
		asUser      = claimOf{name: "a-b", spec: "{}"}
		alone       = claimOf{name: "a", spec: "{}"}
		credentials = claimOf{name: "a-credentials", spec: "{}"}
	)

	cases := map[string]struct {
		reason        string
		first, second claimOf
		clash         string
	}{
		"UserFirst":        {reason: "User b of a is there, then comes a-b.", first: withUser, second: asUser, clash: "bucket-a-b, bucket-a-b-credentials"},
		"UserSecond":       {reason: "a-b is there, then comes a with user b.", first: asUser, second: withUser, clash: "bucket-a-b, bucket-a-b-credentials"},
		"CredentialsFirst": {reason: "a-credentials is there, then comes a.", first: credentials, second: alone, clash: "bucket-a-credentials"},
		"CredentialsLater": {reason: "a is there, then comes a-credentials.", first: alone, second: credentials, clash: "bucket-a-credentials"},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Log(tc.reason)

			ns := newNamespace(t)
			applyClaim(t, ns, tc.first.name, tc.first.spec)
			first := waitReady(t, ns, tc.first.name)

			before := &corev1.SecretList{}
			if err := kube.List(t.Context(), before, client.InNamespace(ns)); err != nil {
				t.Fatal(err)
			}

			applyClaim(t, ns, tc.second.name, tc.second.spec)
			waitProvisioned(t, ns, tc.second.name, tenantv1alpha1.ReasonSecretConflict, "are not this claim's: "+tc.clash+";")

			for _, s := range before.Items {
				after := getSecret(t, ns, s.Name)
				if s.ResourceVersion != after.ResourceVersion || !maps.EqualFunc(s.Data, after.Data, bytes.Equal) {
					t.Errorf("Secret %s was touched", s.Name)
				}
			}

			if _, err := list(t.Context(), tenantClient(t, first), first.Spec.BucketName); err != nil {
				t.Errorf("the first claim's key no longer works: %v", err)
			}

			waitReady(t, ns, tc.first.name)
			mustKubectl(t, "", "delete", "--namespace", ns, "buckets.apps.cozystack.io/"+tc.first.name)

			second := waitReady(t, ns, tc.second.name)
			wantCredentials(t, ns, tc.second.name, "", tc.second.user)

			if second.Spec.BucketName == first.Spec.BucketName {
				t.Error("both claims have one bucket")
			}
		})
	}
}
