//go:build e2e

package component

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/test/await"
)

// written are manifests whose values the provider itself would write otherwise.
var written = []string{
	`{apiVersion: minio.cistern.dev/v1alpha1, kind: Bucket, metadata: {name: written-bucket},
		spec: {forProvider: {quota: 1024Mi, tags: {}, lifecycle: []}}}`,
	`{apiVersion: minio.cistern.dev/v1alpha1, kind: User, metadata: {name: written-user},
		spec: {forProvider: {grants: [], rotation: {interval: 48h, overlap: 90m, trigger: ""}}}}`,
	`{apiVersion: minio.cistern.dev/v1alpha1, kind: User, metadata: {name: written-selector},
		spec: {forProvider: {policies: [{policySelector: {matchLabels: {written: "1"}}}]}}}`,
	`{apiVersion: minio.cistern.dev/v1alpha1, kind: Policy, metadata: {name: written-policy, labels: {written: "1"}},
		spec: {forProvider: {document: '` + policyDocument("s3:GetObject") + `'}}}`,
}

// TestSpecStaysAsApplied applies manifests server-side, the examples among them, lets the
// provider work on them, and applies them again: nothing may conflict, and nothing may change.
func TestSpecStaysAsApplied(t *testing.T) {
	examples, err := Examples("minio")
	if err != nil {
		t.Fatal(err)
	}

	p := startProvider(t, "--poll-interval=1s")
	ns := newNamespace(t)
	manifests := slices.Concat(examples, written)

	var all []resource.Managed

	applied := make([]*unstructured.Unstructured, len(manifests))
	for i, m := range manifests {
		if applied[i], err = env.Apply(t.Context(), ns, m); err != nil {
			t.Fatal(err)
		}

		o, err := env.Kube.Scheme().New(applied[i].GroupVersionKind())
		if err != nil {
			t.Fatal(err)
		}

		if mg, ok := o.(resource.Managed); ok {
			mg.SetNamespace(ns)
			mg.SetName(applied[i].GetName())
			all = append(all, mg)
		}
	}

	awaitSettled(t, all)
	awaitPolls(t, p, all, 2)

	for i, m := range manifests {
		t.Run(applied[i].GetKind()+"/"+applied[i].GetName(), func(t *testing.T) {
			again, err := env.Apply(t.Context(), ns, m)
			if err != nil {
				t.Fatal(err)
			}

			wantSpec(t, applied[i], again)

			for range 20 {
				if again, err = env.Apply(t.Context(), ns, m, client.ForceOwnership); err != nil {
					t.Fatal(err)
				}
			}

			wantSpec(t, applied[i], again)
		})
	}

	for _, mg := range all {
		if err := env.Kube.Delete(t.Context(), mg); err != nil {
			t.Error(err)
		}
	}

	for _, mg := range all {
		await.Gone(t, env.Kube, mg)
	}
}

// wantSpec wants an object to have the generation and the spec that it was applied with, and
// no other owner of a field of the spec.
func wantSpec(t *testing.T, applied, got *unstructured.Unstructured) {
	t.Helper()

	if applied.GetGeneration() != got.GetGeneration() {
		t.Errorf("want generation %d, got %d", applied.GetGeneration(), got.GetGeneration())
	}

	if diff := cmp.Diff(applied.Object["spec"], got.Object["spec"]); diff != "" {
		t.Errorf("-applied, +got:\n%s", diff)
	}

	for _, m := range got.GetManagedFields() {
		if m.Manager != "kubectl" && m.FieldsV1 != nil && strings.Contains(string(m.FieldsV1.Raw), `"f:spec"`) {
			t.Errorf("%s owns fields of the spec: %s", m.Manager, m.FieldsV1.Raw)
		}
	}
}
