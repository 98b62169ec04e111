package platform

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cistern-dev/cistern/package/image"
	"github.com/cistern-dev/cistern/test/dev/platform/node"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

// nodeConfig configures the node of a local platform.
type nodeConfig = node.Config

// runNode runs a stage of a node's daemon.
func runNode(stage, runDir string) error { return node.Main(stage, runDir) }

// capSysAdmin is the number of the capability that new namespaces need.
const capSysAdmin = 21

// unable returns why this machine cannot run a node with containers, or an empty string.
func (o Options) unable() string {
	if os.Geteuid() != 0 {
		return "you are not root"
	}

	if !hasCapability(capSysAdmin) {
		return "this process may not make namespaces (it lacks CAP_SYS_ADMIN)"
	}

	if err := checkRunDir(o.RunDir); err != nil {
		return err.Error()
	}

	return ""
}

// upLocal starts a node on this machine, and Crossplane and MinIO in it.
func (o Options) upLocal(ctx context.Context) (*Platform, error) {
	if why := o.unable(); why != "" {
		return nil, fmt.Errorf("a local platform is impossible here, because %s: use PLATFORM=embedded, "+
			"or a cluster that has Crossplane: PLATFORM=existing KUBECONFIG=<file> REGISTRY=<host/path>", why)
	}

	l := &local{Options: o}
	if err := l.buildTools(ctx); err != nil {
		return nil, err
	}

	if err := l.startNode(); err != nil {
		return nil, err
	}

	fmt.Fprintln(o.Progress, "Platform")

	err := together(ctx, o.Progress,
		step{"Kubernetes' API server answers", l.waitForAPIServer},
		step{"Images pushed", l.pushImages},
	)
	if err != nil {
		return nil, err
	}

	m := minio{Image: node.Registry + minioImage, ClusterIP: node.MinIOIP, VolumeDir: node.VolumeDir}

	return l.complete(ctx, m, step{"Node ready", l.waitForNode})
}

func (l *local) buildTools(ctx context.Context) error {
	fmt.Fprintln(l.Progress, "Tools")

	var err error
	if l.programs, err = tools.Debian(ctx, l.Progress); err != nil {
		return err
	}

	l.tools, err = tools.Build(ctx, l.Progress, "kube", "kubectl", "crossplane", "minio", "coredns", "helm", "pause")

	return err
}

// overlayMagic is the number of overlay file systems in statfs(2).
const overlayMagic = 0x794c7630

// checkRunDir makes the run directory. It returns an error if containerd could not
// keep its images there.
func checkRunDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the run directory: %w", err)
	}

	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("cannot examine the run directory: %w", err)
	}

	if fs.Type == overlayMagic {
		return fmt.Errorf("the run directory %s is on an overlay file system, as in a container, and containerd cannot use it: "+
			"set CISTERN_RUN_DIR to a new directory on a volume", dir)
	}

	return nil
}

// startNode starts the daemon with listeners of this machine's network, and writes
// the kubeconfig, which leads to one of them.
func (l *local) startNode() error {
	return l.launch(node.ListenerCount, node.StageHost, l.describe, func(addresses []string) ([]byte, error) {
		if err := l.Node.Cgroups.Remove(); err != nil { // of a dead node whose state was lost
			return nil, err
		}

		return l.Node.Prepare("https://"+addresses[node.ListenerAPI], image.NonRootID)
	})
}

// describe fills in the state of the new platform, and removes the logs of the
// previous one.
func (l *local) describe(addresses []string) error {
	cgroups, err := node.FindCgroups(l.RunDir)
	if err != nil {
		return err
	}

	logDir := filepath.Join(l.OutputDir, "log")
	if err := os.RemoveAll(logDir); err != nil {
		return fmt.Errorf("cannot remove the old logs: %w", err)
	}

	l.Node = &node.Config{
		RunDir:   l.RunDir,
		LogDir:   logDir,
		Kube:     l.tools["kube"],
		CoreDNS:  l.tools["coredns"],
		Programs: l.programs,
		Cgroups:  cgroups,
	}
	l.Platform = l.platform(logDir)
	l.Platform.MinIOURL = "https://" + addresses[node.ListenerMinIO]
	l.Platform.Registry = node.Registry
	l.Platform.PushRegistry = addresses[node.ListenerRegistry]

	return nil
}

func (l *local) waitForNode(ctx context.Context) error {
	return l.poll(ctx, time.Minute, "the node is not ready",
		"wait", "node/"+node.Name, "--for=condition=Ready", "--timeout=60s")
}
