package install

import (
	"context"
	"fmt"
	"strings"

	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// definitions are CRDs that every installation of Cistern has.
var definitions = []string{"buckets.apps.cozystack.io", "buckets.minio.cistern.dev", "clusterproviderconfigs.minio.cistern.dev"}

// Remove removes the packages from a platform, after all claims and managed
// resources. It does nothing if the packages were not installed through this
// platform.
func Remove(ctx context.Context, p *platform.Platform) error {
	if ours, err := installed(ctx, p); err != nil || !ours {
		return err
	}

	longTail, err := longTail(ctx, p)
	if err != nil {
		return err
	}

	// The providers must run until the last managed resource is deleted.
	for _, args := range [][]string{
		{"delete", "buckets.apps.cozystack.io", "--all", "--all-namespaces"},
		{"delete", strings.Join(append(longTail, managed...), ","), "--all", "--all-namespaces"},
		{"delete", "clusterproviderconfigs.minio.cistern.dev", "--all"},
		{"delete", "clusterrole", "cistern-tenant", "cistern-tenant-view", "cistern-crossplane", "--ignore-not-found"},
		{"delete", "configurations.pkg.crossplane.io", "--selector=" + p.Owner()},
		{"delete", "managedresourceactivationpolicies.apiextensions.crossplane.io", "cistern-provider-minio-extras", "--ignore-not-found"},
		{"delete", "providers.pkg.crossplane.io", build.InstalledName(p.Registry, "provider-minio-extras"), "--ignore-not-found"},
		{"delete", "providers.pkg.crossplane.io", build.InstalledName(p.Registry, "provider-minio"), "--ignore-not-found"},
		{"delete", "functions.pkg.crossplane.io", build.InstalledName(p.Registry, "function-bucket"), "--ignore-not-found"},
		// As long as they exist, Packages takes them for another installation.
		append([]string{"wait", "--for=delete", "crd"}, definitions...),
	} {
		if _, err := p.Kubectl(ctx, "", append(args, "--timeout=180s")...); err != nil {
			return fmt.Errorf("cannot remove Cistern from the cluster: fix the cause, and try again: %w", err)
		}
	}

	return nil
}

// longTail returns the installed kinds of provider-minio-extras.
func longTail(ctx context.Context, p *platform.Platform) ([]string, error) {
	names, err := p.Kubectl(ctx, "", "get", "crd", "--output=name")
	if err != nil {
		return nil, fmt.Errorf("cannot list the CRDs: %w", err)
	}

	var kinds []string

	for name := range strings.FieldsSeq(names) {
		// For example groups.iam.minio.cistern.dev.
		name = name[strings.LastIndex(name, "/")+1:]
		if before, ours := strings.CutSuffix(name, ".minio.cistern.dev"); ours && strings.Contains(before, ".") {
			kinds = append(kinds, name)
		}
	}

	return kinds, nil
}

// installed reports whether the packages were installed through this platform.
func installed(ctx context.Context, p *platform.Platform) (bool, error) {
	names, err := p.Kubectl(ctx, "", "get", "configurations.pkg.crossplane.io", "--selector="+p.Owner(), "--output=name")
	if err != nil {
		return false, fmt.Errorf("cannot list the installed packages: %w", err)
	}

	return strings.TrimSpace(names) != "", nil
}

// checkNotForeign returns an error if the cluster has Cistern's packages, or the
// tenants' API, from another installation. They would be replaced now, and removed
// later with all claims.
func checkNotForeign(ctx context.Context, p *platform.Platform) error {
	if ours, err := installed(ctx, p); err != nil || ours {
		return err
	}

	foreign, err := p.Kubectl(ctx, "", append([]string{"get", "crd", "--ignore-not-found", "--output=name"}, definitions...)...)
	if err != nil {
		return fmt.Errorf("cannot list the CRDs: %w", err)
	}

	if f := strings.Fields(foreign); len(f) > 0 {
		return fmt.Errorf("the cluster has %s of another installation, which is left as it is: use another cluster", strings.Join(f, ", "))
	}

	return nil
}
