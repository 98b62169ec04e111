//go:build e2e

package e2e

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cistern-dev/cistern/package/build"
)

// TestPackagesAreReproducible builds the packages twice, in two directories:
// they must be the same byte for byte.
func TestPackagesAreReproducible(t *testing.T) {
	t.Parallel()

	var digests [2]map[string]string

	for i := range digests {
		pkgs, err := build.Packages(t.Context(), build.Options{Repo: repo, Output: t.TempDir(), Progress: io.Discard})
		if err != nil {
			t.Fatal(err)
		}

		digests[i] = map[string]string{}
		for _, p := range pkgs {
			digests[i][p.Reference] = p.Digest
		}
	}

	if diff := cmp.Diff(digests[0], digests[1]); diff != "" {
		t.Errorf("-first, +second:\n%s", diff)
	}
}

// TestPodsAreUnprivileged looks at the pods of provider and function.
func TestPodsAreUnprivileged(t *testing.T) {
	t.Parallel()

	for _, label := range []string{"pkg.crossplane.io/provider", "pkg.crossplane.io/function"} {
		pods := &corev1.PodList{}
		if err := kube.List(t.Context(), pods, client.InNamespace("crossplane-system"), client.HasLabels{label}); err != nil {
			t.Fatal(err)
		}

		if len(pods.Items) == 0 {
			t.Fatalf("no pod has the label %s", label)
		}

		for _, p := range pods.Items {
			sc := p.Spec.SecurityContext
			if sc == nil || sc.RunAsNonRoot == nil || !*sc.RunAsNonRoot {
				t.Errorf("pod %s may run as root", p.Name)
			}

			for _, c := range p.Spec.Containers {
				if c.SecurityContext == nil || c.SecurityContext.AllowPrivilegeEscalation == nil || *c.SecurityContext.AllowPrivilegeEscalation {
					t.Errorf("container %s of pod %s may gain privileges", c.Name, p.Name)
				}
			}
		}
	}
}

// TestEndpoints asks the provider's pod for health, readiness and metrics, and
// the function's for metrics.
func TestEndpoints(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct{ label, port, path, text string }{
		"Health":          {label: "pkg.crossplane.io/provider", port: "8081", path: "healthz", text: "ok"},
		"Readiness":       {label: "pkg.crossplane.io/provider", port: "8081", path: "readyz", text: "ok"},
		"ProviderMetrics": {label: "pkg.crossplane.io/provider", port: "8080", path: "metrics", text: "crossplane_managed_resource_exists"},
		"FunctionMetrics": {label: "pkg.crossplane.io/function", port: "8080", path: "metrics", text: "grpc_server_handled_total"},
	} {
		t.Run(name, func(t *testing.T) {
			pods := &corev1.PodList{}
			if err := kube.List(t.Context(), pods, client.InNamespace("crossplane-system"), client.HasLabels{tc.label}); err != nil || len(pods.Items) == 0 {
				t.Fatalf("no pod has the label %s: %v", tc.label, err)
			}

			out := mustKubectl(t, "", "get", "--raw", "/api/v1/namespaces/crossplane-system/pods/"+pods.Items[0].Name+":"+tc.port+"/proxy/"+tc.path)
			if !strings.Contains(out, tc.text) {
				t.Errorf("%s does not answer %q", tc.path, tc.text)
			}
		})
	}
}
