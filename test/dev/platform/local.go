package platform

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/cistern-dev/cistern/test/dev/tools"
	"github.com/cistern-dev/cistern/test/process"
)

// local is a local platform, while it is being made.
type local struct {
	Options
	state

	tools    map[string]string
	programs tools.Programs
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

// launch starts the daemon of a cluster with some listeners of this machine. describe fills in
// the state of the platform; prepare writes the daemon's files, and returns the kubeconfig. Both
// get the listeners' addresses.
func (l *local) launch(
	listeners int, stage string, describe func(addresses []string) error, prepare func(addresses []string) ([]byte, error),
) error {
	files, addresses, err := listen(listeners)
	if err != nil {
		return err
	}

	for _, f := range files {
		defer f.Close()
	}

	if err := describe(addresses); err != nil {
		return err
	}

	// Saved before anything is started, so that Down finds what to remove.
	if err := l.save(l.OutputDir); err != nil {
		return err
	}

	kubeconfig, err := prepare(addresses)
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
			log := filepath.Join(l.Platform.LogDir, "node.log")

			return fmt.Errorf("%s: its daemon ended, see %s: %s", failure, log, process.LastLine(log))
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("%s, see %s: %w", failure, l.Platform.LogDir, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
