//go:build e2e

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
)

// A tenant has the role edit in a namespace of its own, and no other rights.
type tenant struct {
	ns   string
	kube client.Client
}

// newTenant creates a namespace and its tenant, and waits until its rights are in effect.
func newTenant(t *testing.T) tenant {
	t.Helper()

	f := tenant{ns: newNamespace(t)}
	mustKubectl(t, "", "create", "rolebinding", "tenant", "--namespace", f.ns, "--clusterrole=edit", "--user="+f.user())

	cfg, err := api.Config(plat)
	if err != nil {
		t.Fatal(err)
	}

	cfg.Impersonate = rest.ImpersonationConfig{UserName: f.user()}
	cfg.WarningHandler = rest.NoWarnings{}

	if f.kube, err = client.New(cfg, client.Options{Scheme: kube.Scheme()}); err != nil {
		t.Fatal(err)
	}

	await.For(t, "the tenant's rights", func() error {
		claims := &unstructured.UnstructuredList{}
		claims.SetGroupVersionKind(tenantv1alpha1.BucketKind)

		return errors.Join(f.kube.List(t.Context(), claims, client.InNamespace(f.ns)),
			f.kube.List(t.Context(), &corev1.SecretList{}, client.InNamespace(f.ns)))
	})

	return f
}

func (f tenant) user() string { return "tenant-of-" + f.ns }

// try runs kubectl as the tenant, in its namespace.
func (f tenant) try(stdin string, args ...string) (string, error) {
	return plat.Kubectl(context.Background(), stdin, append(args, "--namespace", f.ns, "--as="+f.user())...)
}

// kubectl runs kubectl as the tenant, in its namespace, and fails the test unless it succeeds.
func (f tenant) kubectl(t testing.TB, stdin string, args ...string) string {
	t.Helper()

	out, err := f.try(stdin, args...)
	if err != nil {
		t.Fatal(err)
	}

	return out
}

// denied runs kubectl as the tenant, and checks that it fails with an error that contains all
// texts.
func (f tenant) denied(t testing.TB, stdin string, args []string, texts ...string) {
	t.Helper()
	wantKubectlError(t, stdin, append(args, "--namespace", f.ns, "--as="+f.user()), texts...)
}

// claim applies a claim as the tenant.
func (f tenant) claim(t testing.TB, name, spec string) {
	t.Helper()
	f.kubectl(t, claimManifest(name, spec), "apply", "-f", "-")
}

// claimManifest returns the manifest of a claim.
func claimManifest(name, spec string) string {
	return fmt.Sprintf("{apiVersion: apps.cozystack.io/v1alpha1, kind: Bucket, metadata: {name: %q}, spec: %s}", name, spec)
}

// readConditions has kubectl print the conditions of a claim.
const readConditions = `--output=jsonpath={range .status.conditions[*]}{.type} {.status} {.reason}: {.message}{"\n"}{end}`

// waitReads waits until the tenant reads a text in a condition of a claim, as "type status reason:
// message".
func (f tenant) waitReads(t testing.TB, name, text string) {
	t.Helper()

	await.For(t, "the tenant to read "+text, func() error {
		out, err := f.try("", "get", "buckets.apps.cozystack.io/"+name, readConditions)
		if err == nil && !strings.Contains(out, text) {
			err = errors.New(out)
		}

		return err
	})
}

// newVictim creates a claim of another tenant that uses every setting, and writes an object to its
// bucket. After the test it checks that nothing of it has changed: its Secrets and resources, what
// the server holds of it, and that its keys work.
func newVictim(t *testing.T) tenantv1alpha1.BucketInfo {
	t.Helper()

	ns := newNamespace(t)
	// The bucket is purged when its namespace is deleted.
	applyClaim(t, ns, "victim", `{deletionPolicy: Delete, quota: 1Gi, versioning: true, lifecycle: [{prefix: old/, expireAfterDays: 30}],
		users: {reader: {readonly: true}}}`)
	info := waitReady(t, ns, "victim")

	if err := put(t.Context(), tenantClient(t, info), info.Spec.BucketName, "precious"); err != nil {
		t.Fatal(err)
	}

	bucketSettings["Lifecycle"].waitFor(t, info.Spec.BucketName, `"old/": 30, 0`)

	before := victimState(t, ns, info.Spec.BucketName)

	t.Cleanup(func() {
		if diff := cmp.Diff(before, victimState(t, ns, info.Spec.BucketName)); diff != "" {
			t.Errorf("want nothing of another tenant to change: -before, +after:\n%s", diff)
		}

		wantObjectIntact(t, info.Spec.BucketName)

		for _, user := range []string{"", "reader"} {
			s3 := tenantClient(t, getVictimInfo(t, ns, user))
			if _, err := s3.StatObject(context.Background(), info.Spec.BucketName, "precious", statOptions); err != nil {
				t.Errorf("want the key of another tenant's user %q to work, got %v", user, err)
			}
		}
	})

	return info
}

// getVictimInfo returns the BucketInfo of a victim's user, also after the test.
func getVictimInfo(t *testing.T, ns, user string) tenantv1alpha1.BucketInfo {
	t.Helper()

	info, err := api.BucketInfo(context.Background(), kube, ns, "victim", user)
	if err != nil {
		t.Fatal(err)
	}

	return info
}

// victimState returns what must not change of a victim. Its Secrets are hashed, so that a
// difference does not show them.
func victimState(t *testing.T, ns, bucket string) map[string]string {
	t.Helper()

	ctx, state := context.Background(), map[string]string{}

	secrets, buckets, users := &corev1.SecretList{}, &miniov1alpha1.BucketList{}, &miniov1alpha1.UserList{}
	for _, list := range []client.ObjectList{secrets, buckets, users} {
		if err := kube.List(ctx, list, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}
	}

	record := func(name string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}

		state[name] = string(text)
	}

	for _, s := range secrets.Items {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}

		state["Secret "+s.Name] = fmt.Sprintf("%x", sha256.Sum256(text))
	}

	for _, b := range buckets.Items {
		record("Bucket "+b.Name, []any{b.UID, b.Annotations, b.Spec})
	}

	for _, u := range users.Items {
		record("User "+u.Name, []any{u.UID, u.Annotations, u.Spec, u.Status.AtProvider})
	}

	for name, setting := range bucketSettings {
		if setting.locking {
			continue
		}

		var text string

		await.For(t, "the setting "+name, func() (err error) {
			// Without an answer the error has no code.
			if text, err = setting.get(ctx, bucket); err == nil && strings.HasPrefix(text, "read: ,") {
				err = errors.New("the server did not answer")
			}

			return err
		})

		state[name+" on the server"] = text
	}

	for _, user := range []string{"", "reader"} {
		p, err := admin.InfoCannedPolicyV2(ctx, userOf(ctx, getVictimInfo(t, ns, user)))
		if err != nil {
			t.Fatal(err)
		}

		state["policy of "+user] = normalized(t, p.Policy)
	}

	return state
}

// normalized returns a policy with its actions and resources in order: the server returns them in
// any.
func normalized(t *testing.T, policy []byte) string {
	t.Helper()

	var document struct{ Statement []map[string]any }
	if err := json.Unmarshal(policy, &document); err != nil {
		t.Fatal(err)
	}

	for _, s := range document.Statement {
		for k, v := range s {
			if list, ok := v.([]any); ok {
				texts := make([]string, len(list))
				for i := range list {
					texts[i] = fmt.Sprint(list[i])
				}

				slices.Sort(texts)
				s[k] = texts
			}
		}
	}

	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}

	return string(text)
}
