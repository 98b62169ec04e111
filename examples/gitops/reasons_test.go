package gitops

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kyaml "sigs.k8s.io/yaml"
)

const root = "../.."

// healthByReason is the health of a claim, by the reason of its condition Provisioned.
var healthByReason = map[string]string{
	"Provisioned":       healthy,
	"Provisioning":      progressing,
	"WaitingForBucket":  degraded,
	"WaitingForUser":    degraded,
	"SecretConflict":    degraded,
	"SecretOutdated":    degraded,
	"WaitingForRestore": degraded,
	"InvalidClaim":      degraded,
	"RuleBroken":        degraded,
	"RuleFailed":        degraded,
	"InvalidInput":      degraded,
}

// answer is what the function answered in a case of its tests.
type answer struct {
	Conditions []struct {
		Type    string `json:"type"`
		Status  string `json:"status"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"conditions"`
	Desired struct {
		Composite struct {
			Ready string `json:"ready"`
		} `json:"composite"`
	} `json:"desired"`
}

// answers returns the claims that Crossplane makes of the answers in the function's tests, by case. Crossplane
// stores the function's conditions without a generation, and its own with that of the claim.
func answers(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()

	files, err := filepath.Glob(filepath.Join(root, "fn", "testdata", "*", "response.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	all := map[string]*unstructured.Unstructured{}

	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}

		a := answer{}
		if err := kyaml.Unmarshal(text, &a); err != nil {
			t.Fatal(err)
		}

		o := readObject(t, filepath.Join("testdata", "claim-ready.yaml"))

		for _, c := range a.Conditions {
			status := map[string]string{"STATUS_CONDITION_TRUE": "True", "STATUS_CONDITION_FALSE": "False"}[c.Status]
			setCondition(t, o, c.Type+" "+status+" "+c.Reason+": "+c.Message)
		}

		if a.Desired.Composite.Ready == "READY_TRUE" {
			setCondition(t, o, "Ready True Available 4")
		} else {
			setCondition(t, o, "Ready False Creating 4")
		}

		if len(a.Conditions) > 0 {
			all[filepath.Base(filepath.Dir(file))] = o
		}
	}

	if len(all) < 50 {
		t.Fatalf("want the cases of the function's tests, got %d", len(all))
	}

	return all
}

// TestHealthOfClaims checks what Argo CD and Flux say of each state that the function's tests have.
func TestHealthOfClaims(t *testing.T) {
	argo, flux := readArgoCD(t), readFlux(t)

	for name, o := range answers(t) {
		t.Run(name, func(t *testing.T) {
			provisioned := condition(o, "Provisioned")

			want, ok := healthByReason[provisioned["reason"]]
			if !ok {
				t.Fatalf("no health is known for the reason %q", provisioned["reason"])
			}

			if strings.HasPrefix(provisioned["message"], "waiting for Crossplane") {
				// It needs nothing but another pass.
				want = progressing
			}

			got, message := argo.health(t, o)
			if got != want || want == degraded && !strings.Contains(message, provisioned["message"]) {
				t.Errorf("want %s with the message of %v, got %s with %q", want, provisioned, got, message)
			}

			agree(t, judged{argo: want, flux: flux.status(t, o)})
		})
	}
}

// TestEveryReasonIsJudged checks that each reason of our kinds is in a case of TestHealth or TestHealthOfClaims.
func TestEveryReasonIsJudged(t *testing.T) {
	judgedReasons := map[string]bool{}

	add := func(o *unstructured.Unstructured) {
		all, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
		for _, c := range all {
			reason, _, _ := unstructured.NestedString(c.(map[string]any), "reason")
			judgedReasons[reason] = true
		}
	}

	for _, cases := range []map[string]judged{claims, managed, configs} {
		for _, c := range cases {
			add(c.object(t))
		}
	}

	for _, o := range answers(t) {
		add(o)
	}

	reasons := constants(t, "Reason")
	if len(reasons) < 25 {
		t.Fatalf("want the reasons of our kinds, got %v", reasons)
	}

	for name, reason := range reasons {
		if !judgedReasons[reason] {
			t.Errorf("no case has the reason %q of %s", reason, name)
		}
	}
}

// constants returns the texts of the constants of apis whose names have a prefix.
func constants(t *testing.T, prefix string) map[string]string {
	t.Helper()

	found := map[string]string{}

	err := filepath.WalkDir(filepath.Join(root, "apis"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}

		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}

		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}

			for i, name := range spec.Names {
				if !strings.HasPrefix(name.Name, prefix) {
					continue
				}

				text := ""
				if i < len(spec.Values) {
					if l, ok := spec.Values[i].(*ast.BasicLit); ok {
						text, _ = strconv.Unquote(l.Value)
					}
				}

				found[path+": "+name.Name] = text
			}

			return true
		})

		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	return found
}

// condition returns a condition of a resource.
func condition(o *unstructured.Unstructured, kind string) map[string]string {
	all, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range all {
		if c, ok := c.(map[string]any); ok && c["type"] == kind {
			reason, _ := c["reason"].(string)
			message, _ := c["message"].(string)

			return map[string]string{"reason": reason, "message": message}
		}
	}

	return nil
}

// readCRDs reads the CRDs of the providers' packages.
func readCRDs(t *testing.T) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()

	files, err := filepath.Glob(filepath.Join(root, "package", "*", "crds", "*minio.cistern.dev_*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("want CRDs, got %q, %v", files, err)
	}

	crds := make([]*apiextensionsv1.CustomResourceDefinition, len(files))

	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}

		crds[i] = &apiextensionsv1.CustomResourceDefinition{}
		if err := kyaml.Unmarshal(text, crds[i]); err != nil {
			t.Fatal(err)
		}
	}

	return crds
}

// TestEveryKindIsJudged checks that Argo CD and Flux know each kind of the packages, and judge it.
func TestEveryKindIsJudged(t *testing.T) {
	argo, flux := readArgoCD(t), readFlux(t)
	crds := readCRDs(t)

	for _, crd := range crds {
		o := readObject(t, filepath.Join("testdata", "bucket-ready.yaml"))
		o.SetAPIVersion(crd.Spec.Group + "/" + crd.Spec.Versions[0].Name)
		o.SetKind(crd.Spec.Names.Kind)

		if got, message := argo.health(t, o); got != healthy {
			t.Errorf("%s: want %s, got %s: %s", crd.Name, healthy, got, message)
		}

		if o.GetKind() == "ProviderConfigUsage" {
			// It is not applied, and has no conditions.
			continue
		}

		if got := flux.status(t, o); got != current {
			t.Errorf("%s: want %s, got %s", crd.Name, current, got)
		}
	}

	if got, message := argo.health(t, readObject(t, "testdata/usage.yaml")); got != healthy {
		t.Errorf("ProviderConfigUsage: want %s, got %s: %s", healthy, got, message)
	}

	if len(crds) < 15 {
		t.Errorf("want 15 kinds, got %d", len(crds))
	}
}
