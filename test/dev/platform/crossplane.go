package platform

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

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

	home := filepath.Join(l.RunDir, "helm")
	env := []string{
		"KUBECONFIG=" + l.Platform.Kubeconfig,
		"HELM_CACHE_HOME=" + home, "HELM_CONFIG_HOME=" + home, "HELM_DATA_HOME=" + home,
	}

	_, err = run(ctx, env, "", l.tools["helm"], "install", "crossplane", filepath.Join(cluster, "charts", "crossplane"),
		"--namespace=crossplane-system", "--create-namespace",
		"--set=image.repository="+l.Platform.Registry+crossplaneRepository,
		"--set=image.tag="+version, // the chart in the module has version 0.0.1
		// What Cistern needs, its packages and examples activate.
		"--set-json=provider.defaultActivations=[]",
		// With the chart's limits of 0.5 and 0.1 it would start slowly.
		"--set=resourcesCrossplane.limits.cpu=2",
		"--set=resourcesRBACManager.limits.cpu=1",
		"--wait", "--timeout=3m")
	if err != nil {
		return fmt.Errorf("cannot install Crossplane: %w", err)
	}

	return nil
}
