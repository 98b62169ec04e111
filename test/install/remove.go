package install

import (
	"context"
	"fmt"
	"strings"

	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/test/platform"
)

// managedBy marks the Configuration that Packages installs, so that no other one
// is replaced or removed.
const managedBy = "app.kubernetes.io/managed-by=cistern"

// Remove takes the packages off a platform again, with all claims and what they
// brought. Packages that somebody else installed stay.
func Remove(ctx context.Context, p *platform.Platform) error {
	ours, err := p.Kubectl(ctx, "", "get", "configurations.pkg.crossplane.io", "--selector="+managedBy, "--output=name")
	if err != nil {
		return fmt.Errorf("cannot look for the packages: %w", err)
	}

	if strings.TrimSpace(ours) == "" {
		return nil
	}

	_, path, _ := strings.Cut(p.Registry, "/")

	// The provider must be there until the last managed resource is gone.
	for _, args := range [][]string{
		{"delete", "buckets.apps.cozystack.io", "--all", "--all-namespaces"},
		{"delete", "buckets.minio.cistern.dev,users.minio.cistern.dev", "--all", "--all-namespaces"},
		{"delete", "clusterproviderconfigs.minio.cistern.dev", "--all"},
		{"delete", "configurations.pkg.crossplane.io", "--selector=" + managedBy},
		{"delete", "providers.pkg.crossplane.io", build.InstalledName(path, "provider-minio"), "--ignore-not-found"},
		{"delete", "functions.pkg.crossplane.io", build.InstalledName(path, "function-bucket"), "--ignore-not-found"},
	} {
		if _, err := p.Kubectl(ctx, "", append(args, "--timeout=60s")...); err != nil {
			return fmt.Errorf("cannot remove what was installed; see to what is left, and try again: %w", err)
		}
	}

	return nil
}

// refuseForeign returns an error if the cluster has the Configuration from
// somebody else: it would be replaced, and removed in the end.
func refuseForeign(ctx context.Context, p *platform.Platform, name string) error {
	foreign, err := p.Kubectl(ctx, "", "get", "configurations.pkg.crossplane.io", "--selector="+strings.Replace(managedBy, "=", "!=", 1),
		"--field-selector=metadata.name="+name, "--output=name")
	if err != nil {
		return fmt.Errorf("cannot look for the packages: %w", err)
	}

	if strings.TrimSpace(foreign) != "" {
		return fmt.Errorf("the cluster has a Configuration %q that is not ours: it will not be touched, use another cluster", name)
	}

	return nil
}
