//go:build e2e

package extras

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	iam "github.com/cistern-dev/cistern/apis/extras/iam/v1alpha1"
	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestReferences attaches a policy to a group, both by reference. Another policyRef is
// rejected, as another policyName is, and leaves the spec to its writer. The attachment can be
// deleted after the Policy that it refers to.
func TestReferences(t *testing.T) {
	p := startProvider(t)
	ns := newNamespace(t)

	// No provider-minio runs here.
	policies := make(map[string]*miniov1alpha1.Policy)
	for _, name := range []string{"readonly", "diagnostics"} {
		policies[name] = &miniov1alpha1.Policy{ObjectMeta: named(ns, name)}
		policies[name].Spec.ForProvider.Document = examplePolicy
		meta.SetExternalName(policies[name], name)
		must(t, env.Kube.Create(t.Context(), policies[name]))
	}

	group := &iam.Group{ObjectMeta: named(ns, "referenced")}
	must(t, env.Kube.Create(t.Context(), group))

	a := &iam.GroupPolicyAttachment{ObjectMeta: named(ns, "by-reference")}
	a.Spec.ForProvider.GroupRef = &xpv1.NamespacedReference{Name: group.Name}
	a.Spec.ForProvider.PolicyRef = &xpv1.NamespacedReference{Name: "readonly"}
	must(t, env.Kube.Create(t.Context(), a))
	awaitSettled(t, a)

	attached := func(policy string) error {
		g, err := env.Server.GetGroupDescription(t.Context(), group.Name)
		if err == nil && !slices.Equal(strings.Split(g.Policy, ","), []string{policy}) {
			err = fmt.Errorf("want policy %q, got %q", policy, g.Policy)
		}

		return err
	}
	must(t, attached("readonly"))

	refer := func(policy string) {
		patch := `{"spec":{"forProvider":{"policyName":null,"policyRef":{"name":"` + policy + `"}}}}`
		must(t, env.Kube.Patch(t.Context(), a, client.RawPatch(types.MergePatchType, []byte(patch))))
	}

	refer("diagnostics")
	awaitSyncError(t, a, "cannot change")
	lifecycle{kind: "group.iam"}.awaitPolls(t, p, 3) // Retries come more often.
	awaitSyncError(t, a, "cannot change")
	must(t, attached("readonly"))

	if f := a.Spec.ForProvider; a.GetGeneration() != 2 || f.GroupName != nil || f.PolicyName != nil || f.GroupRef == nil {
		t.Errorf("want generation 2, and references only, got generation %d and %+v", a.GetGeneration(), f)
	}

	refer("readonly")
	awaitSettled(t, a)

	if got := a.GetGeneration(); got != 3 {
		t.Errorf("want generation 3, got %d", got)
	}

	must(t, env.Kube.Delete(t.Context(), policies["readonly"]))
	await.Gone(t, env.Kube, policies["readonly"])
	must(t, env.Kube.Delete(t.Context(), a))
	await.Gone(t, env.Kube, a)
	must(t, attached(""))

	must(t, env.Kube.Delete(t.Context(), group))
	await.Gone(t, env.Kube, group)
}
