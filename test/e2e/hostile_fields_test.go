//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/package/configuration"
)

// emptyValues are the empty values of all types, in JSON.
var emptyValues = map[string]string{"Null": "null", "List": "[]", "Map": "{}", "Text": `""`, "Zero": "0", "False": "false"}

// claimFields returns the paths of all fields of spec of the definition, below a list with the
// index 0, and below a map with the key x.
func claimFields(t *testing.T) []string {
	t.Helper()

	var definition map[string]any
	if err := yaml.Unmarshal([]byte(configuration.Definition), &definition); err != nil {
		t.Fatal(err)
	}

	versions, _, _ := unstructured.NestedSlice(definition, "spec", "versions")
	version, _ := versions[0].(map[string]any)
	spec, _, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema", "properties", "spec")

	var (
		fields []string
		walk   func(schema map[string]any, path string)
	)

	walk = func(schema map[string]any, path string) {
		properties, _, _ := unstructured.NestedMap(schema, "properties")
		for name, p := range properties {
			p, _ := p.(map[string]any)
			fields = append(fields, path+"."+name)
			walk(p, path+"."+name)
		}

		for name, step := range map[string]string{"items": ".0", "additionalProperties": ".x"} {
			if p, ok := schema[name].(map[string]any); ok {
				fields = append(fields, path+step)
				walk(p, path+step)
			}
		}
	}

	walk(spec, "")
	slices.Sort(fields)

	return fields
}

// specWith returns a spec in which one field has a value, in JSON. A lifecycle rule has an action,
// because one without is refused for that.
func specWith(field, value string) string {
	spec := value

	for _, step := range slices.Backward(strings.Split(strings.TrimPrefix(field, "."), ".")) {
		if step == "0" {
			spec = "[" + spec + "]"
		} else {
			spec = fmt.Sprintf("{%q: %s}", step, spec)
		}
	}

	const rules, rule = `{"lifecycle": [{`, `"expireAfterDays": `
	if in, ok := strings.CutPrefix(spec, rules); ok && in != "}]}" && !strings.HasPrefix(in, rule) {
		spec = rules + rule + "1, " + in
	}

	return spec
}

// merged returns a spec that sets what a and b set, both in JSON.
func merged(t *testing.T, a, b string) string {
	t.Helper()

	var merge func(into, from any) any

	merge = func(into, from any) any {
		switch from := from.(type) {
		case map[string]any:
			to, ok := into.(map[string]any)
			if !ok {
				return from
			}

			for k, v := range from {
				to[k] = merge(to[k], v)
			}

			return to
		case []any:
			if to, ok := into.([]any); ok && len(to) > 0 && len(from) > 0 {
				to[0] = merge(to[0], from[0])

				return to
			}
		}

		return from
	}

	var into, from any
	if err := errors.Join(json.Unmarshal([]byte(a), &into), json.Unmarshal([]byte(b), &from)); err != nil {
		t.Fatal(err)
	}

	text, err := json.Marshal(merge(into, from))
	if err != nil {
		t.Fatal(err)
	}

	return string(text)
}

// composedOf is what is composed for a claim, as far as its fields decide it.
type composedOf struct {
	Bucket miniov1alpha1.BucketParameters
	Users  map[string]miniov1alpha1.UserParameters
}

// composedFor waits until a claim is ready, and returns what is composed for it, without names.
func composedFor(t *testing.T, ns, claim string) composedOf {
	t.Helper()
	waitReady(t, ns, claim)

	c := composedOf{Bucket: getBucket(t, ns, claim).Spec.ForProvider, Users: map[string]miniov1alpha1.UserParameters{}}

	for _, s := range getClaim(t, ns, claim).Status.Credentials {
		u := &miniov1alpha1.User{}
		name, _ := connectionNames(t, ns, claim, s.User)

		if err := kube.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, u); err != nil {
			t.Fatal(err)
		}

		for i := range u.Spec.ForProvider.Grants {
			u.Spec.ForProvider.Grants[i].BucketName, u.Spec.ForProvider.Grants[i].BucketRef = "", nil
		}

		if r := u.Spec.ForProvider.Rotation; r != nil {
			r.ServedAccessKeyID = ""
		}

		c.Users[s.User] = u.Spec.ForProvider
	}

	return c
}

// meantValues are the empty values that say something.
var meantValues = map[string]string{
	".versioning False": "Versioning is suspended, whatever the pool's default.",
	".rotation Map":     "A trigger that is added later replaces keys with the default overlap.",
	".users.x Null":     "Kubernetes drops null, so there is no such user.",
}

// parents are specs whose fields have fields themselves.
var parents = map[string]string{
	"lifecycle": `{"lifecycle": [{"expireAfterDays": 1}]}`, "users": `{"users": {"x": {}}}`, "rotation": `{"rotation": {}}`,
}

// TestClaimEmptyValues sets each field of a claim to each empty value. The API server either
// refuses it with a message that names the field, or the claim gets what it gets without the
// field.
func TestClaimEmptyValues(t *testing.T) {
	t.Parallel()

	f := newTenant(t)
	fields := claimFields(t)

	// specs are those of claims with empty values of a kind, by name; without are the names of
	// claims with none of these fields.
	specs, without := map[string]string{}, map[string]string{}
	accepted := []string{}

	f.claim(t, "plain", "{}")

	for name, spec := range parents {
		f.claim(t, name, spec)
	}

	for _, field := range fields {
		for kind, value := range emptyValues {
			spec, what := specWith(field, value), field+" "+kind
			if err := f.createClaim(t, "empty", spec, client.DryRunAll); err != nil {
				wantFieldNamed(t, field, value, err)

				continue
			}

			accepted = append(accepted, what)

			baseline := "plain"
			if parent, _, nested := strings.Cut(field[1:], "."); nested && parents[parent] != "" {
				baseline = parent
			}

			name := baseline + "-" + strings.ToLower(kind)
			if meantValues[what] != "" {
				name += "-meant"
			}

			without[name] = baseline
			if specs[name] != "" {
				spec = merged(t, specs[name], spec)
			}

			specs[name] = spec
		}
	}

	t.Logf("of %d fields, these empty values are accepted: %q", len(fields), accepted)

	for name, spec := range specs {
		if err := f.createClaim(t, name, spec); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
	}

	for name, spec := range specs {
		diff := cmp.Diff(composedFor(t, f.ns, without[name]), composedFor(t, f.ns, name))
		if meant := strings.HasSuffix(name, "-meant"); (diff != "") != meant {
			t.Errorf("%s: want it to say something: %t; -without the fields, +with them:\n%s", spec, meant, diff)
		}
	}
}

// wantFieldNamed checks that an error names a field of spec, or its parent if the field is null,
// which Kubernetes takes for a field that is not there.
func wantFieldNamed(t *testing.T, field, value string, err error) {
	t.Helper()

	path := strings.ReplaceAll("spec"+field, ".0", "[0]")
	if value == "null" {
		path = path[:strings.LastIndex(path, ".")]
	}

	if !strings.Contains(err.Error(), path) {
		t.Errorf("%s: %s\nwant the message to name %s, got %v", field, value, path, err)
	}
}

// createClaim creates a claim as the tenant. The API server refuses fields that it does not know.
func (f tenant) createClaim(t *testing.T, name, spec string, opts ...client.CreateOption) error {
	t.Helper()

	c := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(`{"spec": `+spec+`}`), &c.Object); err != nil {
		t.Fatal(err)
	}

	c.SetGroupVersionKind(tenantv1alpha1.BucketKind)
	c.SetNamespace(f.ns)
	c.SetName(name)

	return f.kube.Create(t.Context(), c, append(opts, client.FieldValidation(metav1.FieldValidationStrict))...)
}
