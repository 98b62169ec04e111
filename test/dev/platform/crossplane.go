package platform

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

// crossplaneNamespace is where Crossplane and its packages run.
const crossplaneNamespace = "crossplane-system"

// installCrossplane installs Crossplane from its own chart, with its webhooks and
// its RBAC manager.
func (l *local) installCrossplane(ctx context.Context) error {
	version, err := tools.Version("crossplane")
	if err != nil {
		return err
	}

	module, err := tools.ModuleDir(ctx, "crossplane")
	if err != nil {
		return err
	}

	cluster := filepath.Join(module, "cluster")
	// Crossplane's init container creates its CRDs, and at once objects of these
	// kinds. That fails, and is tried again after a back-off, unless the CRDs exist.
	if _, err := l.Platform.Kubectl(ctx, "", "apply", "--server-side", "-f", filepath.Join(cluster, "crds")); err != nil {
		return fmt.Errorf("cannot create Crossplane's CRDs: %w", err)
	}

	objects, err := run(ctx, nil, "", l.tools["helm"], "--namespace="+crossplaneNamespace,
		"--set-json=image.repository="+strconv.Quote(l.Platform.Registry+crossplaneRepository),
		"--set-json=image.tag="+strconv.Quote(version), // the chart in the module has version 0.0.1
		// What Cistern needs, its packages and examples activate.
		"--set-json=provider.defaultActivations=[]",
		// With the chart's limits of 0.5 and 0.1 it would start slowly.
		`--set-json=resourcesCrossplane.limits.cpu="2"`,
		`--set-json=resourcesRBACManager.limits.cpu="1"`,
		"crossplane", filepath.Join(cluster, "charts", "crossplane"))
	if err != nil {
		return fmt.Errorf("cannot render Crossplane's chart: %w", err)
	}

	for _, step := range []struct {
		stdin string
		args  []string
	}{
		{"", []string{"create", "namespace", crossplaneNamespace}},
		{objects, []string{"apply", "--server-side", "--namespace=" + crossplaneNamespace, "-f", "-"}},
		{"", []string{"rollout", "status", "deployment", "--namespace=" + crossplaneNamespace, "--timeout=3m"}},
	} {
		if _, err := l.Platform.Kubectl(ctx, step.stdin, step.args...); err != nil {
			return fmt.Errorf("cannot install Crossplane: %w", err)
		}
	}

	return nil
}
