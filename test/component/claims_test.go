//go:build e2e

package component

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// claimUsers are clients of users with the rights of a tenant and of Crossplane.
type claimUsers struct {
	tenant, crossplane client.Client
	// warnings are those that the tenant got.
	warnings *[]string
}

// warningRecorder records the warnings of the API server.
type warningRecorder struct{ texts []string }

func (r *warningRecorder) HandleWarningHeader(_ int, _, text string) { r.texts = append(r.texts, text) }

// startClaims installs claims with their webhooks, starts the provider, and returns clients.
// Crossplane does not run.
func startClaims(t *testing.T) (*Provider, webhooks, claimUsers) {
	t.Helper()

	if err := env.installClaims(t.Context()); err != nil {
		t.Fatal(err)
	}

	w, err := env.newWebhooks()
	if err != nil {
		t.Fatal(err)
	}

	p := startProvider(t, w.args...)

	configurations, err := env.configurations(w.address)
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range configurations {
		create(t, c)
		t.Cleanup(func() { _ = env.Kube.Delete(context.Background(), c) })
	}

	recorder := &warningRecorder{}
	users := claimUsers{
		// The rights of examples/platform/tenant-role.yaml, and those that Crossplane gives itself.
		tenant:     newClaimUser(t, "tenant", recorder, "get", "list", "watch", "create", "update", "patch", "delete"),
		crossplane: newClaimUser(t, "crossplane", rest.NoWarnings{}, "*"),
		warnings:   &recorder.texts,
	}

	ns := newNamespace(t)
	await.For(t, "the webhooks to be called", func() error {
		c := newClaim(t, ns, "{}")
		c.SetName("")
		c.SetGenerateName("probe-")
		unstructured.RemoveNestedField(c.Object, "spec")

		if err := env.Kube.Create(t.Context(), c); err != nil {
			return err
		}

		if err := env.Kube.Delete(t.Context(), c, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err == nil {
			return errors.New("a deletion was accepted")
		}

		return nil
	})

	return p, w, users
}

// newClaimUser returns the client of a new user with rights on claims.
func newClaimUser(t *testing.T, name string, warnings rest.WarningHandler, verbs ...string) client.Client {
	t.Helper()

	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{tenantv1alpha1.BucketKind.Group}, Resources: []string{"buckets"}, Verbs: verbs}},
	}
	create(t, role)
	create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: role.Name}},
	})

	pair, err := env.ca.Client(role.Name)
	if err != nil {
		t.Fatal(err)
	}

	config := env.restConfig(pair)
	config.WarningHandler = warnings

	c, err := newClient(config, env.Kinds)
	if err != nil {
		t.Fatal(err)
	}

	await.For(t, "the rights of "+role.Name, func() error {
		l := &unstructured.UnstructuredList{}
		l.SetGroupVersionKind(tenantv1alpha1.BucketKind)

		return c.List(t.Context(), l)
	})

	return c
}

// newClaim returns a claim with a spec in YAML.
func newClaim(t *testing.T, ns, spec string) *unstructured.Unstructured {
	t.Helper()

	c := &unstructured.Unstructured{Object: map[string]any{"spec": decodeYAML(t, spec)}}
	c.SetGroupVersionKind(tenantv1alpha1.BucketKind)
	c.SetNamespace(ns)
	c.SetName("claim")

	return c
}

func decodeYAML(t *testing.T, text string) map[string]any {
	t.Helper()

	m := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}

	return m
}

// composed is spec.crossplane as Crossplane sets it.
const composed = "{compositionRef: {name: buckets}, compositionUpdatePolicy: Automatic, " +
	"resourceRefs: [{apiVersion: minio.cistern.dev/v1alpha1, kind: Bucket, name: bucket-a}, {apiVersion: v1, kind: Secret, name: bucket-b}]}"

// wantCrossplane checks spec.crossplane of a claim, and whether it is paused.
func wantCrossplane(t *testing.T, c *unstructured.Unstructured, crossplane, paused string) {
	t.Helper()

	if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
		t.Fatal(err)
	}

	got, _, _ := unstructured.NestedMap(c.Object, "spec", "crossplane")

	var want map[string]any
	if crossplane != "" {
		want = decodeYAML(t, crossplane)
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spec.crossplane: -want, +got:\n%s", diff)
	}

	if got := c.GetAnnotations()[meta.AnnotationKeyReconciliationPaused]; got != paused {
		t.Errorf("want the claim to be paused: %q, got %q", paused, got)
	}
}

// TestClaimCrossplaneIsRestored writes claims as a tenant and as Crossplane. It checks that only
// Crossplane changes its own fields, and that a tenant's other changes are kept.
func TestClaimCrossplaneIsRestored(t *testing.T) {
	_, _, as := startClaims(t)
	ctx, paused := t.Context(), map[string]string{meta.AnnotationKeyReconciliationPaused: "true"}

	t.Run("Created", func(t *testing.T) {
		c := newClaim(t, newNamespace(t), "{crossplane: "+composed+"}")
		c.SetAnnotations(paused)

		if err := as.tenant.Create(ctx, c); err != nil {
			t.Fatal(err)
		}

		wantCrossplane(t, c, "", "")

		if got := strings.Join(*as.warnings, "\n"); !strings.Contains(got, "spec.crossplane is set by Crossplane only") ||
			!strings.Contains(got, "crossplane.io/paused is set by the platform team only") {
			t.Errorf("want warnings of both fields, got %s", got)
		}
	})

	t.Run("Restored", func(t *testing.T) {
		// A person who restores a backup usually has all rights.
		c := newClaim(t, newNamespace(t), "{crossplane: "+composed+"}")
		c.SetAnnotations(paused)
		create(t, c)
		wantCrossplane(t, c, "{compositionRef: {name: buckets}, compositionUpdatePolicy: Automatic}", "true")
	})

	ns := newNamespace(t)
	c := newClaim(t, ns, "{quota: 1Gi}")

	if err := as.tenant.Create(ctx, c); err != nil {
		t.Fatal(err)
	}

	patch := func(kube client.Client, text string) {
		t.Helper()

		if err := kube.Patch(ctx, c, client.RawPatch("application/merge-patch+json", []byte(text))); err != nil {
			t.Fatal(err)
		}
	}

	// Crossplane writes by server-side apply and by update.
	apply := newClaim(t, ns, "{crossplane: "+composed+"}")
	if err := as.crossplane.Apply(ctx, client.ApplyConfigurationFromUnstructured(apply), client.FieldOwner("crossplane"), client.ForceOwnership); err != nil {
		t.Fatal(err)
	}

	wantCrossplane(t, c, composed, "")

	for name, change := range map[string]string{
		"Emptied":   `{"spec": {"quota": "2Gi", "crossplane": {"resourceRefs": []}}}`,
		"Removed":   `{"spec": {"quota": "3Gi", "crossplane": null}}`,
		"Selected":  `{"spec": {"quota": "4Gi", "crossplane": {"compositionUpdatePolicy": "Manual"}}}`,
		"Paused":    `{"spec": {"quota": "5Gi"}, "metadata": {"annotations": {"crossplane.io/paused": "true"}}}`,
		"Reference": `{"spec": {"quota": "6Gi", "crossplane": {"resourceRefs": [{"apiVersion": "v1", "kind": "Secret", "name": "other"}]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			patch(as.tenant, change)
			wantCrossplane(t, c, composed, "")

			if quota, _, _ := unstructured.NestedString(c.Object, "spec", "quota"); !strings.Contains(change, quota) {
				t.Errorf("want the tenant's change to be kept, got quota %s", quota)
			}
		})
	}

	t.Run("Replaced", func(t *testing.T) {
		replaced := newClaim(t, ns, "{}")
		unstructured.RemoveNestedField(replaced.Object, "spec")
		replaced.SetResourceVersion(c.GetResourceVersion())

		if err := as.tenant.Update(ctx, replaced); err != nil {
			t.Fatal(err)
		}

		wantCrossplane(t, c, composed, "")
	})

	t.Run("ByCrossplane", func(t *testing.T) {
		patch(as.crossplane, `{"metadata": {"annotations": {"crossplane.io/paused": "true"}}, "spec": {"crossplane": {"resourceRefs": []}}}`)
		wantCrossplane(t, c, "{compositionRef: {name: buckets}, compositionUpdatePolicy: Automatic, resourceRefs: []}", "true")
	})
}

// TestClaimWritesWithoutProvider kills the provider. It checks that a tenant can still write
// claims, and that writes of Crossplane's fields fail instead of passing.
func TestClaimWritesWithoutProvider(t *testing.T) {
	p, _, as := startClaims(t)
	ctx := t.Context()

	c := newClaim(t, newNamespace(t), "{crossplane: {compositionRef: {name: buckets}}}")
	create(t, c)
	p.Kill()

	ordinary := newClaim(t, newNamespace(t), "{quota: 1Gi}")
	if err := as.tenant.Create(ctx, ordinary); err != nil {
		t.Errorf("want a claim to be created, got %v", err)
	}

	merge := func(kube client.Client, text string) error {
		return kube.Patch(ctx, c, client.RawPatch("application/merge-patch+json", []byte(text)))
	}

	if err := merge(as.tenant, `{"spec": {"quota": "2Gi"}, "metadata": {"annotations": {"a": "b"}}}`); err != nil {
		t.Errorf("want a claim to be changed, got %v", err)
	}

	if err := merge(as.crossplane, `{"spec": {"crossplane": {"resourceRefs": []}}}`); err != nil {
		t.Errorf("want Crossplane not to need the webhook, got %v", err)
	}

	if err := merge(as.tenant, `{"spec": {"crossplane": {"compositionRef": {"name": "other"}}}}`); err == nil || !strings.Contains(err.Error(), "webhook") {
		t.Errorf("want a change of spec.crossplane to need the webhook, got %v", err)
	}
}

// TestClaimReferencesAreBounded expects the API server to reject references that Crossplane may
// not be able to read, independent of who writes them.
func TestClaimReferencesAreBounded(t *testing.T) {
	if err := env.installClaims(t.Context()); err != nil {
		t.Fatal(err)
	}

	many := func(n int) string { return strings.Repeat("{apiVersion: v1, kind: Secret, name: x},", n) }

	for name, tc := range map[string]struct {
		reason, refs string
		valid        bool
	}{
		"Composed":  {reason: "The function composes these kinds.", refs: "{apiVersion: minio.cistern.dev/v1alpha1, kind: User, name: x}," + many(63), valid: true},
		"Pod":       {reason: "Crossplane may not list Pods.", refs: "{apiVersion: v1, kind: Pod, name: x}"},
		"LikeOurs":  {reason: "Other groups have Buckets too.", refs: "{apiVersion: source.toolkit.fluxcd.io/v1, kind: Bucket, name: x}"},
		"LikeGroup": {reason: "The group only begins like ours.", refs: "{apiVersion: minio.cistern.dev.example.org/v1, kind: Bucket, name: x}"},
		"Many":      {reason: "A claim is composed of 64 objects at most.", refs: many(65)},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClaim(t, newNamespace(t), "{}")
			create(t, c)

			c.Object["spec"] = decodeYAML(t, "{crossplane: {resourceRefs: ["+tc.refs+"]}}")

			err := env.Kube.Update(t.Context(), c)
			if tc.valid && err != nil || !tc.valid && (err == nil || !strings.Contains(err.Error(), "leave spec.crossplane.resourceRefs out")) {
				t.Errorf("%s got %v", tc.reason, err)
			}
		})
	}
}
