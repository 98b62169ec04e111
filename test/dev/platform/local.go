package platform

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cistern-dev/cistern/package/image"
	"github.com/cistern-dev/cistern/test/dev/platform/node"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

// local is a local platform, while it is being made.
type local struct {
	Options
	state

	tools    map[string]string
	programs tools.Programs
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

// complete installs Crossplane and MinIO into the new cluster, while other steps go on.
func (l *local) complete(ctx context.Context, m minio, others ...step) (*Platform, error) {
	err := together(ctx, l.Progress, append(others,
		step{"Crossplane ready", l.installCrossplane},
		step{"MinIO ready", func(ctx context.Context) error {
			if err := m.install(ctx, l.OutputDir, &l.Platform); err != nil {
				return err
			}

			return l.Platform.waitForMinIO(ctx)
		}},
	)...)
	if err != nil {
		return nil, err
	}

	l.Ready = true
	if err := l.save(l.OutputDir); err != nil {
		return nil, err
	}

	return &l.Platform, nil
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
	files, addresses, err := listen(node.ListenerCount)
	if err != nil {
		return err
	}

	for _, f := range files {
		defer f.Close()
	}

	if err := l.describe(addresses); err != nil {
		return err
	}

	return l.launch(files, node.StageHost, func() ([]byte, error) {
		if err := l.Node.Cgroups.Remove(); err != nil { // of a dead node whose state was lost
			return nil, err
		}

		return l.Node.Prepare("https://"+addresses[node.ListenerAPI], image.NonRootID)
	})
}

// launch starts the daemon of a cluster with listeners of this machine. prepare writes
// the daemon's files, and returns the kubeconfig.
func (l *local) launch(files []*os.File, stage string, prepare func() ([]byte, error)) error {
	// Saved before anything is started, so that Down finds what to remove.
	if err := l.save(l.OutputDir); err != nil {
		return err
	}

	kubeconfig, err := prepare()
	if err != nil {
		return err
	}

	if err := os.WriteFile(l.Platform.Kubeconfig, kubeconfig, 0o600); err != nil {
		return fmt.Errorf("cannot write the kubeconfig: %w", err)
	}

	log := filepath.Join(l.Platform.LogDir, "node.log")
	if l.state.Daemon, err = l.startDaemon(log, files, stage, l.RunDir); err != nil {
		return err
	}

	l.Platform.DaemonPID = l.state.Daemon.PID

	return l.save(l.OutputDir)
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

// listen opens n listeners on free ports of the loopback interface, as files that
// a child process can inherit.
func listen(n int) (files []*os.File, addresses []string, err error) {
	for range n {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, nil, fmt.Errorf("cannot listen on loopback: %w", err)
		}

		f, err := l.File()
		_ = l.Close() // the file is a duplicate, which stays open

		if err != nil {
			return nil, nil, fmt.Errorf("cannot duplicate a listener: %w", err)
		}

		files, addresses = append(files, f), append(addresses, l.Addr().String())
	}

	return files, addresses, nil
}

// waitForAPIServer returns when the API server is ready, or with an error when its
// daemon ended.
func (l *local) waitForAPIServer(ctx context.Context) error {
	return l.poll(ctx, 2*time.Minute, "the API server is not ready", "get", "--raw", "/readyz")
}

func (l *local) waitForNode(ctx context.Context) error {
	return l.poll(ctx, time.Minute, "the node is not ready",
		"wait", "node/"+node.Name, "--for=condition=Ready", "--timeout=60s")
}

// poll runs kubectl until it succeeds, and describes a failure to do so.
func (l *local) poll(ctx context.Context, timeout time.Duration, failure string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	for {
		_, err := l.Platform.Kubectl(ctx, "", args...)
		if err == nil {
			return nil
		}

		if !l.state.Daemon.alive() {
			return fmt.Errorf("%s: its daemon ended, see %s/node.log", failure, l.Platform.LogDir)
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("%s, see %s: %w", failure, l.Platform.LogDir, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
