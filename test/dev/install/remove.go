package install

import (
	"context"
	"fmt"
	"strings"

	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// definitions are CRDs by which an installation shows.
var definitions = []string{"buckets.apps.cozystack.io", "buckets.minio.cistern.dev", "clusterproviderconfigs.minio.cistern.dev"}

// Remove takes the packages off a platform again, with all claims and what they
// brought. Packages that somebody else installed stay.
func Remove(ctx context.Context, p *platform.Platform) error {
	if ours, err := installed(ctx, p); err != nil || !ours {
		return err
	}

	longTail, err := longTail(ctx, p)
	if err != nil {
		return err
	}

	// The providers must be there until the last managed resource is gone.
	for _, args := range [][]string{
		{"delete", "buckets.apps.cozystack.io", "--all", "--all-namespaces"},
		{"delete", strings.Join(append(longTail, "buckets.minio.cistern.dev", "users.minio.cistern.dev", "policies.minio.cistern.dev"), ","), "--all", "--all-namespaces"},
		{"delete", "clusterproviderconfigs.minio.cistern.dev", "--all"},
		{"delete", "clusterrole", "cistern-tenant", "--ignore-not-found"},
		{"delete", "configurations.pkg.crossplane.io", "--selector=" + p.Owner()},
		{"delete", "providers.pkg.crossplane.io", build.InstalledName(p.Registry, "provider-minio-extras"), "--ignore-not-found"},
		{"delete", "providers.pkg.crossplane.io", build.InstalledName(p.Registry, "provider-minio"), "--ignore-not-found"},
		{"delete", "functions.pkg.crossplane.io", build.InstalledName(p.Registry, "function-bucket"), "--ignore-not-found"},
		// Until then it looks as if somebody else had installed them.
		append([]string{"wait", "--for=delete", "crd"}, definitions...),
	} {
		if _, err := p.Kubectl(ctx, "", append(args, "--timeout=180s")...); err != nil {
			return fmt.Errorf("cannot remove what was installed; see to what is left, and try again: %w", err)
		}
	}

	return nil
}

// longTail returns the kinds of provider-minio-extras that are installed.
func longTail(ctx context.Context, p *platform.Platform) ([]string, error) {
	names, err := p.Kubectl(ctx, "", "get", "crd", "--output=name")
	if err != nil {
		return nil, fmt.Errorf("cannot look for the packages: %w", err)
	}

	var kinds []string

	for name := range strings.FieldsSeq(names) {
		// Such as groups.iam.minio.cistern.dev.
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
		return false, fmt.Errorf("cannot look for the packages: %w", err)
	}

	return strings.TrimSpace(names) != "", nil
}

// refuseForeign returns an error if the cluster has Cistern's packages, or the
// tenants' API, from somebody else: they would be replaced now, and removed in
// the end with everybody's claims.
func refuseForeign(ctx context.Context, p *platform.Platform) error {
	if ours, err := installed(ctx, p); err != nil || ours {
		return err
	}

	foreign, err := p.Kubectl(ctx, "", append([]string{"get", "crd", "--ignore-not-found", "--output=name"}, definitions...)...)
	if err != nil {
		return fmt.Errorf("cannot look for the packages: %w", err)
	}

	if f := strings.Fields(foreign); len(f) > 0 {
		return fmt.Errorf("the cluster has %s from somebody else: it will not be touched, use another cluster", strings.Join(f, ", "))
	}

	return nil
}
