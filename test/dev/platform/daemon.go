package platform

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cistern-dev/cistern/test/dev/platform/embedded"
	"github.com/cistern-dev/cistern/test/process"
)

// forwardDaemon is the kind of the daemon for an existing cluster. The other kinds
// are that of package embedded, and the stages of package node.
const forwardDaemon = "forward"

// Daemon runs the background process that Up starts, and returns when that has to
// end.
func Daemon(kind, dir string) error {
	switch kind {
	case forwardDaemon:
		return forwardMinIO(dir)
	case embedded.Stage:
		return embedded.Main(dir)
	default:
		return runNode(kind, dir)
	}
}

// forwardMinIO keeps MinIO's Service reachable from this machine. It starts
// kubectl's port-forward again whenever that ends, as it does with MinIO's pod.
func forwardMinIO(outputDir string) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()

	for ctx.Err() == nil {
		s, err := readState(outputDir)
		if err != nil || s.Daemon.PID != 0 && s.Daemon.PID != os.Getpid() {
			return errors.New("the platform was removed, or another process forwards to it")
		}

		u, err := url.Parse(s.Platform.MinIOURL)
		if err != nil {
			return fmt.Errorf("cannot parse MinIO's URL: %w", err)
		}

		cmd := exec.CommandContext(ctx, s.Platform.KubectlPath, "--kubeconfig="+s.Platform.Kubeconfig,
			"--namespace=minio", "port-forward", "service/minio", u.Port()+":9000")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr

		if err := process.Run(cmd); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "port-forward ended:", err)
		}

		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}

	return nil
}
