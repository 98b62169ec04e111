package gitops

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/itchyny/gojq"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	kyaml "sigs.k8s.io/yaml"
)

// difference returns what Argo CD shows as OutOfSync of a resource that was applied as it is in Git: the merge
// patch of the two, without what is ignored.
func (a argoCD) difference(t *testing.T, git, live *unstructured.Unstructured) string {
	t.Helper()

	gvk := live.GroupVersionKind()
	want, have := git.Object, live.Object

	for _, path := range a.differences[gvk.Group+"/"+gvk.Kind] {
		query, err := gojq.Parse("del(" + path + ")")
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}

		want, have = run(t, query, want), run(t, query, have)
	}

	applied, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}

	stored, err := json.Marshal(have)
	if err != nil {
		t.Fatal(err)
	}

	patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(applied, applied, stored)
	if err != nil {
		t.Fatal(err)
	}

	return string(patch)
}

// run returns what a query makes of an object.
func run(t *testing.T, query *gojq.Query, object map[string]any) map[string]any {
	t.Helper()

	// The library knows the numbers of encoding/json only.
	b, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}

	input := map[string]any{}
	if err := json.Unmarshal(b, &input); err != nil {
		t.Fatal(err)
	}

	value, _ := query.Run(input).Next()

	result, ok := value.(map[string]any)
	if !ok {
		t.Fatalf("%s: got %v", query, value)
	}

	return result
}

// TestDifferences checks that what Crossplane, the provider and the API server set is no difference to Argo CD,
// and that what a person changed is one.
func TestDifferences(t *testing.T) {
	const user = "apiVersion: minio.cistern.dev/v1alpha1\nkind: User\nmetadata:\n  name: plain\n  namespace: team-a\nspec:\n  forProvider: "

	argo := readArgoCD(t)

	example, err := os.ReadFile(filepath.Join(root, "examples", "claim", "bucket.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	cases := map[string]struct {
		git, file string
		grant     map[string]any
		want      string
	}{
		"Claim": {git: string(example), file: "claim-ready", want: "{}"},
		"ClaimChanged": {
			git: string(example) + "spec: {locking: true}\n", file: "claim-ready", want: `{"spec":{"locking":true}}`,
		},
		"AccessLeftOut": {git: user + "{grants: [{bucketName: backup-home}]}\n", file: "user-ready", want: "{}"},
		"AccessChanged": {
			git: user + "{grants: [{access: ReadOnly, bucketName: backup-home}]}\n", file: "user-ready",
			want: `{"spec":{"forProvider":{"grants":[{"access":"ReadOnly","bucketName":"backup-home"}]}}}`,
		},
		"ResolutionLeftOut": {
			git: user + "{grants: [{bucketRef: {name: home, policy: {resolve: Always}}}]}\n", file: "user-ready",
			grant: map[string]any{"access": "ReadWrite", "bucketRef": map[string]any{
				"name": "home", "policy": map[string]any{"resolution": "Required", "resolve": "Always"},
			}},
			want: "{}",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			live := readObject(t, filepath.Join("testdata", c.file+".yaml"))
			if c.grant != nil {
				if err := unstructured.SetNestedSlice(live.Object, []any{c.grant}, "spec", "forProvider", "grants"); err != nil {
					t.Fatal(err)
				}
			}

			git := &unstructured.Unstructured{}
			if err := kyaml.Unmarshal([]byte(c.git), &git.Object); err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(c.want, argo.difference(t, git, live)); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
}

// TestDefaultsInLists checks that the defaults of TestDifferences are the only ones in items of lists.
func TestDefaultsInLists(t *testing.T) {
	found := make([]string, 0, 8)

	for _, crd := range readCRDs(t) {
		spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		found = append(found, defaults(spec, crd.Spec.Names.Kind, false)...)
	}

	text, err := os.ReadFile(filepath.Join(root, "package", "configuration", "definition.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	definition := struct {
		Spec struct {
			Versions []struct {
				Schema apiextensionsv1.CustomResourceValidation `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}{}
	if err := kyaml.Unmarshal(text, &definition); err != nil {
		t.Fatal(err)
	}

	found = append(found, defaults(definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"], "claim", false)...)
	slices.Sort(found)

	want := []string{
		"User.forProvider.grants[].access",
		"User.forProvider.grants[].bucketRef.policy.resolution",
		"User.forProvider.grants[].bucketSelector.policy.resolution",
		"User.forProvider.policies[].policyRef.policy.resolution",
		"User.forProvider.policies[].policySelector.policy.resolution",
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("have Argo CD ignore new ones: -want, +got:\n%s", diff)
	}
}

// defaults returns the fields below a schema that have defaults and are in items of lists.
func defaults(s apiextensionsv1.JSONSchemaProps, path string, inList bool) []string {
	var found []string

	if inList && s.Default != nil {
		found = append(found, path)
	}

	for name, property := range s.Properties {
		found = append(found, defaults(property, path+"."+name, inList)...)
	}

	if s.Items != nil && s.Items.Schema != nil {
		found = append(found, defaults(*s.Items.Schema, path+"[]", true)...)
	}

	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		found = append(found, defaults(*s.AdditionalProperties.Schema, path+"{}", inList)...)
	}

	return found
}
