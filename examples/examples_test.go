package examples

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kyaml "sigs.k8s.io/yaml"

	iam "github.com/cistern-dev/cistern/apis/extras/iam/v1alpha1"
	ilm "github.com/cistern-dev/cistern/apis/extras/ilm/v1alpha1"
	kms "github.com/cistern-dev/cistern/apis/extras/kms/v1alpha1"
	s3 "github.com/cistern-dev/cistern/apis/extras/s3/v1alpha1"
	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/provider/manager"
)

// TestExamplesDecode decodes every example of our kinds strictly, so that an unknown
// field fails, and checks that each kind has an example. The end-to-end tests apply
// examples of other kinds, except those for Argo CD and Flux, which have tests of their own.
func TestExamplesDecode(t *testing.T) {
	kinds := map[schema.GroupVersionKind]func() runtime.Object{
		tenantv1alpha1.BucketKind:               func() runtime.Object { return &tenantv1alpha1.Bucket{} },
		miniov1alpha1.BucketKind:                func() runtime.Object { return &miniov1alpha1.Bucket{} },
		miniov1alpha1.UserKind:                  func() runtime.Object { return &miniov1alpha1.User{} },
		miniov1alpha1.PolicyKind:                func() runtime.Object { return &miniov1alpha1.Policy{} },
		miniov1alpha1.ProviderConfigKind:        func() runtime.Object { return &miniov1alpha1.ProviderConfig{} },
		miniov1alpha1.ClusterProviderConfigKind: func() runtime.Object { return &miniov1alpha1.ClusterProviderConfig{} },

		iam.Group_GroupVersionKind:                     func() runtime.Object { return &iam.Group{} },
		iam.GroupUserAttachment_GroupVersionKind:       func() runtime.Object { return &iam.GroupUserAttachment{} },
		iam.GroupPolicyAttachment_GroupVersionKind:     func() runtime.Object { return &iam.GroupPolicyAttachment{} },
		iam.LDAPGroupPolicyAttachment_GroupVersionKind: func() runtime.Object { return &iam.LDAPGroupPolicyAttachment{} },
		iam.LDAPUserPolicyAttachment_GroupVersionKind:  func() runtime.Object { return &iam.LDAPUserPolicyAttachment{} },
		ilm.Tier_GroupVersionKind:                      func() runtime.Object { return &ilm.Tier{} },
		kms.Key_GroupVersionKind:                       func() runtime.Object { return &kms.Key{} },
		s3.BucketPolicy_GroupVersionKind:               func() runtime.Object { return &s3.BucketPolicy{} },
		s3.BucketNotification_GroupVersionKind:         func() runtime.Object { return &s3.BucketNotification{} },
	}
	seen := map[schema.GroupVersionKind]bool{}

	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if e != nil && e.IsDir() && e.Name() == "testdata" {
			return fs.SkipDir
		}

		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}

		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}

		for document := range strings.SplitSeq(string(b), "\n---\n") {
			seen[check(t, path, []byte(document), kinds)] = true
		}

		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	for gvk := range kinds {
		if !seen[gvk] {
			t.Errorf("no example of %s", gvk)
		}
	}
}

// elsewhere are groups whose kinds are checked elsewhere: by the end-to-end tests, or by the tests of
// the packages monitoring and gitops.
var elsewhere = []string{
	"pkg.crossplane.io", "apiextensions.crossplane.io", "protection.crossplane.io", "rbac.authorization.k8s.io", "monitoring.coreos.com",
	"kustomize.toolkit.fluxcd.io",
}

// runtimeConfigKind is Crossplane's DeploymentRuntimeConfig.
var runtimeConfigKind = schema.GroupVersionKind{Group: "pkg.crossplane.io", Version: "v1beta1", Kind: "DeploymentRuntimeConfig"}

// runtimeConfig is what examples use of a DeploymentRuntimeConfig. TestExamplesAppliedAgain of package e2e has an API
// server check them by Crossplane's CRD.
type runtimeConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		DeploymentTemplate struct {
			Spec appsv1.DeploymentSpec `json:"spec"`
		} `json:"deploymentTemplate"`
	} `json:"spec"`
}

// DeepCopyObject makes runtimeConfig a runtime.Object. It is not needed for decoding.
func (c *runtimeConfig) DeepCopyObject() runtime.Object { return c }

// builtins are the kinds of Kubernetes and Crossplane that only this test checks.
var builtins = map[schema.GroupVersionKind]func() runtime.Object{
	policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"): func() runtime.Object { return &policyv1.PodDisruptionBudget{} },
	runtimeConfigKind: func() runtime.Object { return &runtimeConfig{} },
	corev1.SchemeGroupVersion.WithKind("ConfigMap"):           func() runtime.Object { return &corev1.ConfigMap{} },
	corev1.SchemeGroupVersion.WithKind("ResourceQuota"):       func() runtime.Object { return &corev1.ResourceQuota{} },
	networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"): func() runtime.Object { return &networkingv1.NetworkPolicy{} },
}

// check decodes a document of a file and returns its kind.
func check(t *testing.T, path string, document []byte, kinds map[schema.GroupVersionKind]func() runtime.Object) schema.GroupVersionKind {
	t.Helper()

	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := kyaml.Unmarshal(document, &head); err != nil {
		t.Fatalf("%s: %v", path, err)
	}

	gvk := schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)

	if newObject, ours := kinds[gvk]; ours {
		if err := kyaml.UnmarshalStrict(document, newObject()); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	} else if builtin, ok := builtins[gvk]; ok {
		if err := kyaml.UnmarshalStrict(document, builtin()); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	} else if !slices.Contains(elsewhere, gvk.Group) {
		t.Errorf("%s: no test checks the kind %s", path, gvk)
	}

	return gvk
}

// TestRuntimeConfigs checks what a DeploymentRuntimeConfig cannot say wrong without harm: that pods are spread and
// protected by the labels that they have, that their probes ask ports that the programs serve, that they get no more
// rights than Crossplane gives packages, and that the flags exist.
func TestRuntimeConfigs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("platform", "runtimeconfig.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	budgets := map[string]map[string]string{}
	configs := map[string]appsv1.DeploymentSpec{}

	for document := range strings.SplitSeq(string(text), "\n---\n") {
		c, b := &runtimeConfig{}, &policyv1.PodDisruptionBudget{}
		if err := kyaml.Unmarshal([]byte(document), c); err != nil {
			t.Fatal(err)
		}

		if c.Kind == runtimeConfigKind.Kind {
			configs[c.Name] = c.Spec.DeploymentTemplate.Spec
		} else if err := kyaml.UnmarshalStrict([]byte(document), b); err != nil {
			t.Fatal(err)
		} else {
			budgets[b.Name] = b.Spec.Selector.MatchLabels
		}
	}

	for name, port := range map[string]int{"provider-minio": 8081, "function-bucket": 9443} {
		d := configs[name]
		if len(d.Template.Spec.Containers) != 1 || d.Template.Spec.Containers[0].Name != "package-runtime" || *d.Replicas != 2 {
			t.Fatalf("%s: want two replicas of the container that Crossplane runs, got %+v", name, d)
		}

		checkLabels(t, name, d.Template, budgets[name])
		checkContainer(t, name, d.Template.Spec.Containers[0], port)
	}
}

// checkLabels checks that pods are selected by labels that they have.
func checkLabels(t *testing.T, name string, pod corev1.PodTemplateSpec, budget map[string]string) {
	t.Helper()

	affinity, spread := pod.Spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution, pod.Spec.TopologySpreadConstraints
	if len(affinity) != 1 || len(spread) != 1 {
		t.Fatalf("%s: want one term and one constraint, got %v and %v", name, affinity, spread)
	}

	for _, selector := range []map[string]string{
		budget, affinity[0].PodAffinityTerm.LabelSelector.MatchLabels, spread[0].LabelSelector.MatchLabels,
	} {
		if len(selector) == 0 || !maps.Equal(selector, pod.Labels) {
			t.Errorf("%s: pods with the labels %v are selected by %v", name, pod.Labels, selector)
		}
	}
}

// checkContainer checks the container of a package: its probes, rights and flags.
func checkContainer(t *testing.T, name string, c corev1.Container, port int) {
	t.Helper()

	p := c.ReadinessProbe
	if p.HTTPGet != nil && p.HTTPGet.Port.IntValue() != port || p.TCPSocket != nil && p.TCPSocket.Port.IntValue() != port {
		t.Errorf("%s: want a probe of port %d, got %+v", name, port, p)
	}

	s := c.SecurityContext
	if *s.Privileged || *s.AllowPrivilegeEscalation || !*s.RunAsNonRoot || *s.RunAsUser == 0 {
		t.Errorf("%s: the container has more rights than Crossplane gives packages: %+v", name, s)
	}

	k, err := kong.New(&struct{ manager.Flags }{})
	if err == nil {
		_, err = k.Parse(c.Args)
	}

	if err != nil {
		t.Errorf("%s: the program does not take %q: %v", name, c.Args, err)
	}
}
