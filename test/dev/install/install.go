// Package install builds Cistern's packages from this clone and installs them on a
// platform, as a platform team does: it installs one Configuration, whose
// dependencies Crossplane installs, and applies from examples/ what packages
// cannot contain.
package install

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// timeout is how long a package may take to become healthy.
const timeout = "180s"

// managed are the kinds of the provider's package. Crossplane creates their CRDs
// after the package is healthy.
var managed = []string{"buckets.minio.cistern.dev", "users.minio.cistern.dev", "policies.minio.cistern.dev"}

// Packages builds the packages with a version, and installs them or upgrades the
// installed ones; with extras also provider-minio-extras. It returns once the
// cluster accepts claims and the provider has a server.
func Packages(ctx context.Context, p *platform.Platform, repo, output, version string, extras bool, progress io.Writer) error {
	pkgs, err := build.Packages(ctx, build.Options{
		Repo:         repo,
		Output:       output,
		Registry:     p.Registry,
		PushRegistry: p.PushRegistry,
		Version:      version,
		Extras:       extras,
		Progress:     progress,
	})
	if err != nil {
		return err
	}

	start := time.Now()

	if err := apply(ctx, p, repo, pkgs); err != nil {
		return err
	}

	fmt.Fprintf(progress, "  %-52s %.1fs\n", "packages healthy, claims accepted", time.Since(start).Seconds())

	return provideServer(ctx, p, repo)
}

// Composition builds the Configuration with another Composition, and upgrades the
// installed one to it, as a platform team does to change its rules.
func Composition(ctx context.Context, p *platform.Platform, repo, output, version, file string) error {
	pkg, err := build.Configuration(ctx, build.Options{
		Repo:         repo,
		Output:       output,
		Registry:     p.Registry,
		PushRegistry: p.PushRegistry,
		Version:      version,
		Composition:  file,
		Progress:     io.Discard,
	})
	if err != nil {
		return err
	}

	return settle(ctx, p, "configuration.pkg.crossplane.io/"+pkg.Name, pkg.Reference)
}

// apply installs the Configuration, and waits for it and its dependencies.
// Crossplane chooses the versions of dependencies, and keeps those that are
// installed, so each dependency is set to the version that was just built.
func apply(ctx context.Context, p *platform.Platform, repo string, pkgs []build.Package) error {
	configuration := pkgs[len(pkgs)-1]

	if err := checkNotForeign(ctx, p); err != nil {
		return err
	}

	if err := installAs(ctx, p, configuration.Name, configuration); err != nil {
		return err
	}

	for _, pkg := range pkgs {
		name := build.InstalledName(p.Registry, pkg.Name)
		if pkg == configuration {
			name = pkg.Name
		}

		if pkg.Optional {
			if err := installExtras(ctx, p, repo, name, pkg); err != nil {
				return err
			}
		}

		if err := settle(ctx, p, strings.ToLower(pkg.Kind)+".pkg.crossplane.io/"+name, pkg.Reference); err != nil {
			return fmt.Errorf("cannot install %s: %w", pkg.Name, err)
		}
	}

	for _, crd := range managed {
		resource := "managedresourcedefinition.apiextensions.crossplane.io/" + crd
		if _, err := p.Kubectl(ctx, "", "wait", resource, "--for=condition=Established", "--timeout="+timeout); err != nil {
			return fmt.Errorf("cannot activate %s: %w", crd, err)
		}
	}

	return nil
}

// installAs installs a package with the given name of the object.
func installAs(ctx context.Context, p *platform.Platform, name string, pkg build.Package) error {
	manifest := fmt.Sprintf("{apiVersion: pkg.crossplane.io/v1, kind: %s, metadata: {name: %s, labels: {%s}}, spec: {package: %q}}",
		pkg.Kind, name, strings.Replace(p.Owner(), "=", ": ", 1), pkg.Reference)
	if _, err := p.Kubectl(ctx, manifest, "apply", "-f", "-"); err != nil {
		return fmt.Errorf("cannot install %s: %w", pkg.Name, err)
	}

	return nil
}

// installExtras installs provider-minio-extras, and activates its kinds.
func installExtras(ctx context.Context, p *platform.Platform, repo, name string, pkg build.Package) error {
	if err := installAs(ctx, p, name, pkg); err != nil {
		return err
	}

	file := filepath.Join(repo, "examples", "platform", "extras-activation.yaml")
	if _, err := p.Kubectl(ctx, "", "apply", "-f", file); err != nil {
		return fmt.Errorf("cannot activate the kinds of %s: %w", pkg.Name, err)
	}

	return nil
}

// settle sets an installed package to a reference and waits until it is healthy.
func settle(ctx context.Context, p *platform.Platform, resource, reference string) error {
	if _, err := p.Kubectl(ctx, "", "wait", resource, "--for=create", "--timeout="+timeout); err != nil {
		return err
	}

	patch := fmt.Sprintf(`{"spec":{"package":%q}}`, reference)
	if _, err := p.Kubectl(ctx, "", "patch", resource, "--type=merge", "--patch="+patch); err != nil {
		return err
	}

	// Healthy may still describe the previous revision.
	resolved := "--for=jsonpath={.status.resolvedPackage}=" + reference
	if _, err := p.Kubectl(ctx, "", "wait", resource, resolved, "--timeout="+timeout); err != nil {
		return err
	}

	_, err := p.Kubectl(ctx, "", "wait", resource, "--for=condition=Healthy", "--timeout="+timeout)

	return err
}

// provideServer creates the tenants' role and a ClusterProviderConfig for MinIO, and
// waits until a claim without a spec would be accepted: then the tenants' API
// exists, and so does the webhook that adds a spec.
func provideServer(ctx context.Context, p *platform.Platform, repo string) error {
	for _, name := range []string{"tenant-role.yaml", "crossplane-role.yaml", "clusterproviderconfig.yaml"} {
		file := filepath.Join(repo, "examples", "platform", name)
		if err := until(ctx, func() error {
			_, err := p.Kubectl(ctx, "", "apply", "-f", file)
			return err
		}); err != nil {
			return fmt.Errorf("cannot apply %s: %w", file, err)
		}
	}

	claim, err := os.ReadFile(filepath.Join(repo, "examples", "claim", "bucket.yaml"))
	if err != nil {
		return fmt.Errorf("cannot read the example claim: %w", err)
	}

	if err := until(ctx, func() error {
		_, err := p.Kubectl(ctx, string(claim), "apply", "--dry-run=server", "--namespace=default", "-f", "-")
		return err
	}); err != nil {
		return fmt.Errorf("the API server does not accept a claim: %w", err)
	}

	return nil
}

// until calls try until it succeeds, for at most a minute.
func until(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()

	for {
		err := try()
		if err == nil {
			return nil
		}

		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}
