package rules

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"
	"sigs.k8s.io/yaml"
)

// smallest is the smallest valid input.
const smallest = `
apiVersion: input.cistern.dev/v1alpha1
kind: Input
defaultPool: gold
pools:
  - name: gold
    providerConfigRef: {kind: ClusterProviderConfig, name: gold}
`

// parseInput parses YAML as Crossplane passes it to the function.
func parseInput(tb testing.TB, doc string) *structpb.Struct {
	tb.Helper()

	b, err := yaml.YAMLToJSON([]byte(doc))
	if err != nil {
		tb.Fatal(err)
	}

	s := &structpb.Struct{}
	if err := s.UnmarshalJSON(b); err != nil {
		tb.Fatal(err)
	}

	return s
}

// parseObject parses YAML as the function receives objects, with numbers as float64.
func parseObject(tb testing.TB, doc string) map[string]any {
	tb.Helper()

	return parseInput(tb, doc).AsMap()
}

func mustRead(tb testing.TB, doc string) *Policy {
	tb.Helper()

	p, err := Read(parseInput(tb, doc))
	if err != nil {
		tb.Fatalf("Read(...): %v", err)
	}

	return p
}

func mustPool(tb testing.TB, p *Policy, name string) *Pool {
	tb.Helper()

	pool, err := p.Pool(name)
	if err != nil {
		tb.Fatal(err)
	}

	return pool
}

// message returns the text of an error, the empty string for nil.
func message(err error) string {
	if err == nil {
		return ""
	}

	return err.Error()
}

func TestPolicyPool(t *testing.T) {
	p := mustRead(t, smallest+`
  - name: bronze
    providerConfigRef: {kind: ProviderConfig, name: bronze}
`)

	cases := map[string]struct {
		reason string
		name   string
		want   string
		err    string
	}{
		"Default": {
			reason: "A claim that names no pool should get the default pool.",
			want:   "gold",
		},
		"Named": {
			reason: "A claim should get the pool that it names.",
			name:   "bronze",
			want:   "bronze",
		},
		"Unknown": {
			reason: "The error should list the pools that exist.",
			name:   "silver",
			err:    `storage pool "silver" does not exist; the pools are bronze, gold`,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pool, err := p.Pool(tc.name)

			if diff := cmp.Diff(tc.err, message(err)); diff != "" {
				t.Fatalf("\n%s\np.Pool(...): -want error, +got error:\n%s", tc.reason, diff)
			}

			if err == nil && pool.Name != tc.want {
				t.Errorf("\n%s\np.Pool(...): want %s, got %s", tc.reason, tc.want, pool.Name)
			}
		})
	}
}

func TestPolicyNeedsNamespace(t *testing.T) {
	cases := map[string]struct {
		reason string
		rule   string
		want   bool
	}{
		"NoRules": {
			reason: "Without rules the namespace is not needed.",
		},
		"ClaimsOwn": {
			reason: "The name of the claim's namespace is in the claim's own metadata.",
			rule:   `{name: a, expression: "claim.metadata.namespace != 'default'", message: broken}`,
		},
		"Text": {
			reason: "A string that contains the variable's name is not the variable.",
			rule:   `{name: a, expression: "claim.metadata.name != 'namespaceObject'", message: namespaceObject}`,
		},
		"Expression": {
			reason: "An expression that names the namespace needs it.",
			rule:   `{name: a, expression: "namespaceObject.metadata.name != 'default'", message: broken}`,
			want:   true,
		},
		"MessageExpression": {
			reason: "A messageExpression that names the namespace needs it.",
			rule:   `{name: a, expression: "false", messageExpression: "'not in ' + namespaceObject.metadata.name"}`,
			want:   true,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			doc := smallest
			if tc.rule != "" {
				doc += "rules: [" + tc.rule + "]"
			}

			if got := mustRead(t, doc).NeedsNamespace(); got != tc.want {
				t.Errorf("\n%s\np.NeedsNamespace(): want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}

// withRules returns the smallest input with the given rules, sorted by name.
func withRules(expressions map[string]string) string {
	var b strings.Builder

	b.WriteString(smallest + "rules:\n")

	for _, name := range slices.Sorted(maps.Keys(expressions)) {
		e, _ := yaml.Marshal([]any{map[string]any{"name": name, "expression": expressions[name], "message": "broken: " + name}})
		b.Write(e)
	}

	return b.String()
}
