//go:build e2e

package e2e

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/package/image"
	"github.com/cistern-dev/cistern/test/await"
)

// TestPackages checks that two builds of the packages in different directories are equal
// byte for byte, that they run without root, and what their programs link.
func TestPackages(t *testing.T) {
	t.Parallel()

	var (
		digests [2]map[string]string
		output  string
	)

	for i := range digests {
		output = t.TempDir()

		pkgs, err := build.Packages(t.Context(), build.Options{Repo: repo, Output: output, Extras: true, Progress: io.Discard})
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

	for _, name := range []string{"provider-minio", "provider-minio-extras", "function-bucket"} {
		img, err := tarball.ImageFromPath(filepath.Join(output, name+".xpkg"), nil)
		if err != nil {
			t.Fatal(err)
		}

		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}

		if config.Config.User != image.NonRoot {
			t.Errorf("want %s to run as user %q, got %q", name, image.NonRoot, config.Config.User)
		}
	}

	wantModules(t, output)
}

// wantModules checks with which tags each program is built and which modules it links.
func wantModules(t *testing.T, output string) {
	t.Helper()

	for name, tc := range map[string]struct{ fips, minio, terraform bool }{
		"provider-minio":        {fips: true, minio: true},
		"provider-minio-extras": {fips: true, minio: true, terraform: true},
		"function-bucket":       {},
	} {
		program := filepath.Join(output, name)

		info, err := buildinfo.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}

		file, err := os.Stat(program)
		if err != nil {
			t.Fatal(err)
		}

		t.Logf("%s: %d modules, %.1f MB", name, len(info.Deps), float64(file.Size())/1e6)

		// Without this tag creating a user takes ten times as long.
		if got := slices.Contains(info.Settings, debug.BuildSetting{Key: "-tags", Value: "fips"}); got != tc.fips {
			t.Errorf("%s: want it to be built with the tag fips: %t", name, tc.fips)
		}

		if got := linksModule(info, "github.com/minio/"); got != tc.minio {
			t.Errorf("%s: want it to link MinIO's SDKs: %t", name, tc.minio)
		}

		for _, module := range []string{"github.com/hashicorp/", "github.com/crossplane/upjet", "github.com/aminueza/"} {
			if got := linksModule(info, module); got != tc.terraform {
				t.Errorf("%s: want it to link modules of %s: %t, got %t", name, module, tc.terraform, got)
			}
		}
	}
}

// linksModule reports whether a program links a module whose path has a prefix.
func linksModule(info *debug.BuildInfo, prefix string) bool {
	return slices.ContainsFunc(info.Deps, func(m *debug.Module) bool { return strings.HasPrefix(m.Path, prefix) })
}

// pod returns the pod of a package of a kind, provider or function.
func pod(t *testing.T, kind, name string) corev1.Pod {
	t.Helper()

	pods := &corev1.PodList{}

	err := kube.List(t.Context(), pods, client.InNamespace("crossplane-system"),
		client.MatchingLabels{"pkg.crossplane.io/" + kind: build.InstalledName(plat.Registry, name)})
	if err != nil || len(pods.Items) == 0 {
		t.Fatalf("no pod of %s: %v", name, err)
	}

	return pods.Items[0]
}

// TestPackagesAreProtected applies the example that keeps the packages from being deleted. It
// checks that their deletion is refused, with the reason.
func TestPackagesAreProtected(t *testing.T) {
	t.Parallel()

	content, err := os.ReadFile(filepath.Join(repo, "examples", "platform", "protection.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	ns := newNamespace(t)
	provider := build.InstalledName(plat.Registry, "provider-minio")
	// Another test applies the example under its own names.
	manifests := strings.NewReplacer(
		"name: cistern-provider-minio\n", "name: "+ns+"-provider\n",
		"name: cistern-configuration-bucket\n", "name: "+ns+"-configuration\n",
		"name: cistern-dev-provider-minio\n", "name: "+provider+"\n",
	).Replace(string(content))

	mustKubectl(t, manifests, "apply", "-f", "-")
	t.Cleanup(func() { mustKubectl(t, manifests, "delete", "--wait=false", "-f", "-") })

	for pkg, reason := range map[string]string{
		"providers.pkg.crossplane.io/" + provider:               "claims and their buckets could not be deleted without it",
		"configurations.pkg.crossplane.io/configuration-bucket": "all claims would be deleted with it",
	} {
		// Should the protection fail, a dry run harms no other test.
		await.For(t, pkg+" to be protected", func() error {
			_, err := plat.Kubectl(t.Context(), "", "delete", pkg, "--dry-run=server")
			if err != nil && strings.Contains(err.Error(), reason) {
				return nil
			}

			return fmt.Errorf("its deletion is not refused for this reason: %w", err)
		})
	}
}

// TestActivation checks that the packages and examples activate every kind that they bring. The
// platform under test activates none by itself.
func TestActivation(t *testing.T) {
	t.Parallel()

	const activated = `--output=jsonpath={.status.activated[*]}`

	got := mustKubectl(t, "", "get", "managedresourceactivationpolicies.apiextensions.crossplane.io", "cistern-configuration-bucket", activated) + " " +
		mustKubectl(t, "", "get", "managedresourceactivationpolicies.apiextensions.crossplane.io", "cistern-provider-minio-extras", activated)

	all := strings.Fields(mustKubectl(t, "", "get", "managedresourcedefinitions.apiextensions.crossplane.io", "--output=jsonpath={.items[*].metadata.name}"))

	active := strings.Fields(got)
	if len(active) == 0 {
		t.Fatal("want kinds to be activated, got none")
	}

	for _, name := range all {
		if strings.HasSuffix(name, "minio.cistern.dev") && !slices.Contains(active, name) {
			t.Errorf("%s is not activated", name)
		}
	}
}

// TestPodsAreUnprivileged checks that no pod of our packages may run as root or gain
// privileges.
func TestPodsAreUnprivileged(t *testing.T) {
	t.Parallel()

	for name, kind := range map[string]string{
		"provider-minio": "provider", "provider-minio-extras": "provider", "function-bucket": "function",
	} {
		p := pod(t, kind, name)
		if sc := p.Spec.SecurityContext; sc == nil || sc.RunAsNonRoot == nil || !*sc.RunAsNonRoot {
			t.Errorf("want pod %s not to run as root", p.Name)
		}

		for _, c := range p.Spec.Containers {
			if sc := c.SecurityContext; sc == nil || sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation {
				t.Errorf("want container %s of pod %s not to gain privileges", c.Name, p.Name)
			}
		}
	}
}

// TestPodEndpoints checks that pods serve health, readiness and metrics.
func TestPodEndpoints(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct{ kind, pkg, port, path, text string }{
		"Health":          {kind: "provider", pkg: "provider-minio", port: "8081", path: "healthz", text: "ok"},
		"Readiness":       {kind: "provider", pkg: "provider-minio", port: "8081", path: "readyz", text: "ok"},
		"ProviderMetrics": {kind: "provider", pkg: "provider-minio", port: "8080", path: "metrics", text: "crossplane_managed_resource_exists"},
		"ExtrasMetrics": {
			kind: "provider", pkg: "provider-minio-extras", port: "8080", path: "metrics", text: "controller_runtime_max_concurrent_reconciles",
		},
		"FunctionMetrics": {kind: "function", pkg: "function-bucket", port: "8080", path: "metrics", text: "grpc_server_handled_total"},
	} {
		t.Run(name, func(t *testing.T) {
			url := "/api/v1/namespaces/crossplane-system/pods/" + pod(t, tc.kind, tc.pkg).Name + ":" + tc.port + "/proxy/" + tc.path
			// Counters of managed resources appear with the first managed resource.
			await.For(t, "/"+tc.path+" to contain "+tc.text, func() error {
				out, err := plat.Kubectl(t.Context(), "", "get", "--raw", url)
				if err == nil && !strings.Contains(out, tc.text) {
					err = errors.New("it is not in the answer")
				}

				return err
			})
		})
	}
}
