package gitops

import (
	"os"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	kyaml "sigs.k8s.io/yaml"
)

// kustomization is what flux-kustomization.yaml has of Flux's kind.
type kustomization struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata"`
	Spec       struct {
		Interval         string            `json:"interval"`
		RetryInterval    string            `json:"retryInterval"`
		Timeout          string            `json:"timeout"`
		Path             string            `json:"path"`
		Prune            bool              `json:"prune"`
		Wait             bool              `json:"wait"`
		SourceRef        map[string]string `json:"sourceRef"`
		HealthCheckExprs []healthCheckExpr `json:"healthCheckExprs"`
	} `json:"spec"`
}

type healthCheckExpr struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Failed     string `json:"failed"`
	Current    string `json:"current"`
}

// readFlux reads flux-kustomization.yaml.
func readFlux(t *testing.T) kustomization {
	t.Helper()

	text, err := os.ReadFile("flux-kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}

	k := kustomization{}
	if err := kyaml.UnmarshalStrict(text, &k); err != nil {
		t.Fatal(err)
	}

	if k.APIVersion != "kustomize.toolkit.fluxcd.io/v1" || k.Kind != "Kustomization" || !k.Spec.Wait {
		t.Fatalf("want a Kustomization that waits, got %+v", k)
	}

	return k
}

// expressions returns those for a kind.
func (k kustomization) expressions(t *testing.T, apiVersion, kind string) healthCheckExpr {
	t.Helper()

	for _, e := range k.Spec.HealthCheckExprs {
		if e.APIVersion == apiVersion && e.Kind == kind {
			return e
		}
	}

	t.Fatalf("no expressions are for %s, %s", apiVersion, kind)

	return healthCheckExpr{}
}

// status returns the status of a resource as Flux does: the first expression that is true decides, and
// where none is, or one cannot be evaluated, the resource is in progress.
func (k kustomization) status(t *testing.T, o *unstructured.Unstructured) status.Status {
	t.Helper()

	e := k.expressions(t, o.GetAPIVersion(), o.GetKind())

	switch {
	case isTrue(t, e.Failed, o):
		return failed
	case isTrue(t, e.Current, o):
		return current
	default:
		return inProgress
	}
}

// isTrue reports whether an expression is true of a resource. Only of one without conditions it cannot be
// evaluated. The environment is Flux's.
func isTrue(t *testing.T, expression string, o *unstructured.Unstructured) bool {
	t.Helper()

	env, err := cel.NewEnv(cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), ext.Strings(), ext.Sets(), ext.Encoders())
	if err != nil {
		t.Fatal(err)
	}

	parsed, issues := env.Parse(expression)
	if issues.Err() != nil {
		t.Fatalf("%s: %v", expression, issues.Err())
	}

	program, err := env.Program(parsed, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		t.Fatal(err)
	}

	value, _, err := program.ContextEval(t.Context(), o.Object)
	if _, has, _ := unstructured.NestedSlice(o.Object, "status", "conditions"); err != nil && has {
		t.Fatalf("%s: %v", expression, err)
	}

	return err == nil && value.Value() == true
}
