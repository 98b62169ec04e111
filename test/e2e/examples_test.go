//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wantAppliedAgain applies manifests a second time, server-side, that are in use: nothing may
// differ from what is stored, nothing may conflict, and no generation may change.
func wantAppliedAgain(t *testing.T, manifests string, args []string) {
	t.Helper()

	stored := func() []storedSpec {
		t.Helper()

		return decodeSpecs(t, mustKubectl(t, manifests, append([]string{"get", "--output=json"}, args...)...))
	}
	before := stored()

	mustKubectl(t, manifests, append([]string{"diff", "--server-side"}, args...)...)
	mustKubectl(t, manifests, append([]string{"apply", "--server-side"}, args...)...)

	if diff := cmp.Diff(before, stored()); diff != "" {
		t.Errorf("-applied, +applied again:\n%s", diff)
	}
}

// storedSpec is what a second application must not change.
type storedSpec struct {
	Kind     string
	Metadata struct {
		Name       string
		Generation int64
	}
	Spec any
}

// decodeSpecs decodes an object or a list of some.
func decodeSpecs(t *testing.T, content string) []storedSpec {
	t.Helper()

	list := struct {
		storedSpec

		Items []storedSpec
	}{}
	if err := json.Unmarshal([]byte(content), &list); err != nil {
		t.Fatal(err)
	}

	if list.Kind != "List" {
		return []storedSpec{list.storedSpec}
	}

	return list.Items
}

// examplesInUse are the examples that TestExamples applies as they are.
var examplesInUse = []string{
	"minio/bucket", "minio/bucket-locked", "minio/policy", "minio/user",
	"extras/group", "extras/groupuserattachment", "extras/grouppolicyattachment", "extras/bucketpolicy",
	"claim/bucket",
}

// appliedElsewhere are the examples that this package does not apply twice, and why.
var appliedElsewhere = map[string]string{
	"extras/bucketnotification":        "needs a target of the server; see TestExamples of package extras",
	"extras/key":                       "needs a KMS; see TestExamples of package extras",
	"extras/ldapgrouppolicyattachment": "needs a directory; see TestExamples of package extras",
	"extras/ldapuserpolicyattachment":  "needs a directory; see TestExamples of package extras",
	"extras/tier":                      "needs another server; see TestExamples of package extras",
	"gitops/argocd-cm":                 "needs Argo CD; see the tests of examples/gitops",
	"gitops/flux-kustomization":        "needs Flux; see the tests of examples/gitops",
	"monitoring/podmonitor":            "needs the Prometheus Operator; see package monitoring",
	"monitoring/prometheusrule":        "needs the Prometheus Operator; see package monitoring",
	"platform/configuration":           "its registry is not that of the platform under test",
	"platform/extras":                  "its registry is not that of the platform under test",
}

// TestExamplesAppliedAgain applies the examples for platform teams, and every other one that
// TestExamples does not, twice. Names that the platform under test uses itself are replaced.
func TestExamplesAppliedAgain(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	local := strings.NewReplacer(
		"name: default\n", "name: "+ns+"\n", "name: buckets\n", "name: "+ns+"\n",
		"namespace: crossplane-system\n", "namespace: "+ns+"\n", "namespace: team-a\n", "namespace: "+ns+"\n",
	)

	files, err := filepath.Glob(filepath.Join(repo, "examples", "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("want examples, got %d, %v", len(files), err)
	}

	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), ".yaml")
		if _, elsewhere := appliedElsewhere[name]; elsewhere || slices.Contains(examplesInUse, name) {
			continue
		}

		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}

		t.Run(name, func(t *testing.T) {
			manifests, args := local.Replace(string(content)), []string{"--namespace=" + ns, "--filename=-"}

			mustKubectl(t, manifests, append([]string{"apply", "--server-side"}, args...)...)

			// The roles and activated kinds are those of the platform itself.
			if !strings.Contains(manifests, "kind: ClusterRole\n") && !strings.Contains(manifests, "kind: ManagedResourceActivationPolicy\n") {
				t.Cleanup(func() { mustKubectl(t, manifests, append([]string{"delete", "--wait=false"}, args...)...) })
			}

			if strings.Contains(manifests, "ProviderConfig\nmetadata") {
				mustKubectl(t, manifests, append([]string{"wait", "--for=jsonpath={.status.conditions[?(@.type=='Ready')].reason}", "--timeout=180s"}, args...)...)
			}

			wantAppliedAgain(t, manifests, args)
		})
	}
}
