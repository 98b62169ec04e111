// Package platform starts and stops the platform for developing and testing
// Cistern end to end: a Kubernetes cluster with Crossplane and MinIO.
//
// Up starts a one-node cluster on this machine, without Docker, or installs MinIO
// into an existing cluster that has Crossplane. The platform stays up until Down;
// Open attaches to it.
//
// A local cluster runs as a daemon with three stages, each started by the previous
// one; package node implements them. The host stage stays in the machine's
// namespaces: it starts the next stage, and cleans up at the end. The init stage is
// process 1 of new network, mount, process and cgroup namespaces: it sets them up,
// and reaps orphaned processes. The node stage runs the components of Kubernetes
// and a registry. When the host stage ends, in whatever way, the kernel ends
// everything else.
package platform

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cistern-dev/cistern/package/pinned"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

// Options configure a platform. With the zero value it is local, and the calling
// program must have a command `daemon`.
type Options struct {
	// OutputDir gets the kubeconfig, the logs and the state file; default
	// _output in the clone.
	OutputDir string
	// RunDir gets the local node's data: gigabytes. It must not be on an overlay
	// file system. Default: run in OutputDir.
	RunDir string
	// Daemon are the arguments of this program for its command that calls the
	// function Daemon; that one's arguments follow them. Default: "daemon".
	Daemon []string
	// Existing is the cluster to use; nil starts one on this machine.
	Existing *Existing
	// Kind is the kind of cluster to start: "local", which runs pods in containers and
	// needs root and new namespaces, Embedded, or empty for the one that this machine
	// can run.
	Kind string
	// Progress gets a line for each step; default: nothing is written.
	Progress io.Writer
}

// Existing is an existing cluster with Crossplane.
type Existing struct {
	// Kubeconfig is the cluster's kubeconfig file.
	Kubeconfig string
	// Registry is the host and path that the cluster pulls images from, such as
	// ghcr.io/org.
	Registry string
	// PushRegistry is the address at which this machine reaches the same registry;
	// default Registry.
	PushRegistry string
}

// Platform is a platform that is up. Its paths are absolute.
type Platform struct {
	// ID is unique to this platform.
	ID string
	// Local is set if Up started the cluster.
	Local bool
	// Kubeconfig is the kubeconfig file of an administrator.
	Kubeconfig string
	// KubectlPath and JqPath are paths of executables.
	KubectlPath, JqPath string
	// MinIOURL is MinIO's URL for this machine; pods use MinIOInsideURL.
	MinIOURL string
	// MinIOCAFile is the file of the CA certificate that signed MinIO's.
	MinIOCAFile string
	// Registry is the registry that the cluster pulls from, PushRegistry the address
	// at which this machine reaches it.
	Registry, PushRegistry string
	// LogDir has the logs of a local platform's components and pods.
	LogDir string
	// DaemonPID is the ancestor of all processes of a local platform.
	DaemonPID int
}

// ownerLabel marks the objects of a platform with its ID, so that no object of
// another owner is replaced or removed.
const ownerLabel = "cistern.dev/platform"

// Owner returns the label of this platform's objects, as key=value.
func (p *Platform) Owner() string { return ownerLabel + "=" + p.ID }

// newID returns the ID of a new platform.
func newID() string { return strings.ToLower(rand.Text()[:12]) }

// MinIOInsideURL is MinIO's URL for pods.
const MinIOInsideURL = "https://minio.minio.svc:9000"

// ErrNotUp is returned by Open when no platform is up.
var ErrNotUp = errors.New("the platform is not up: run `make up`")

func (o Options) complete() (Options, error) {
	if o.OutputDir == "" {
		repo, err := tools.RepoDir()
		if err != nil {
			return o, err
		}

		o.OutputDir = filepath.Join(repo, "_output")
	}

	if o.RunDir == "" {
		o.RunDir = filepath.Join(o.OutputDir, "run")
	}

	if len(o.Daemon) == 0 {
		o.Daemon = []string{"daemon"}
	}

	if o.Progress == nil {
		o.Progress = io.Discard
	}

	for _, p := range []*string{&o.OutputDir, &o.RunDir} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return o, fmt.Errorf("cannot find %q: %w", *p, err)
		}

		*p = abs
	}

	if err := os.MkdirAll(o.OutputDir, 0o755); err != nil {
		return o, fmt.Errorf("cannot make the output directory: %w", err)
	}

	return o, nil
}

// Up returns the platform that is up, or starts one. It replaces a platform that
// no longer works. When it fails or is interrupted, it removes what it made.
func Up(ctx context.Context, o Options) (*Platform, error) {
	o, unlock, err := o.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()

	if p := o.running(ctx); p != nil {
		return p, nil
	}

	if ctx.Err() != nil { // a running platform then seems not to answer
		return nil, fmt.Errorf("interrupted: %w", ctx.Err())
	}

	if err := o.clean(ctx); err != nil {
		return nil, err
	}

	if err := o.preflight(); err != nil {
		return nil, err
	}

	start := time.Now()

	up := o.upLocal

	switch {
	case o.Existing != nil:
		up = o.upExisting
	case o.embeds():
		up = o.upEmbedded
	}

	p, err := up(ctx)
	if err != nil {
		if ctx.Err() != nil { // err is only the first consequence of that
			err = fmt.Errorf("interrupted: %w", ctx.Err())
		}
		// Cleaning up must not end with the caller's context.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()

		return nil, errors.Join(err, o.clean(ctx))
	}

	fmt.Fprintf(o.Progress, "Ready in %s\n", time.Since(start).Round(100*time.Millisecond))

	return p, nil
}

// embeds reports whether an embedded platform is to be started, and says why unless it was
// asked for.
func (o Options) embeds() bool {
	switch o.Kind {
	case Embedded:
		return true
	case "":
		why := o.unable()
		if why == "" {
			fmt.Fprintln(o.Progress, "Platform: local, a node with containers (PLATFORM=embedded runs pods as plain processes)")

			return false
		}

		fmt.Fprintf(o.Progress, "Platform: embedded, pods run as plain processes, because %s\n", why)

		return true
	default:
		return false
	}
}

// running returns the platform that is up if it is what the options ask for, or nil.
func (o Options) running(ctx context.Context) *Platform {
	s, err := readState(o.OutputDir)
	if err != nil || !s.Ready || s.Platform.Local != (o.Existing == nil) {
		return nil
	}

	err = s.check(ctx)
	if errors.Is(err, errDaemonEnded) && !s.Platform.Local {
		// For example after a restart of this machine. The cluster still has MinIO.
		if err = o.startForwarding(ctx, s); err == nil {
			err = s.check(ctx)
		}
	}

	if err != nil {
		fmt.Fprintf(o.Progress, "The platform that was up is replaced: %v\n", err)

		return nil
	}

	fmt.Fprintln(o.Progress, "The platform is up already.")

	return &s.Platform
}

// Open returns the platform that is up. It returns ErrNotUp if there is none, and
// both the platform and ErrNotUp if the platform does not answer.
func Open(ctx context.Context, o Options) (*Platform, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}

	s, err := readState(o.OutputDir)
	if errors.Is(err, os.ErrNotExist) || err == nil && !s.Ready {
		return nil, ErrNotUp
	}

	if err != nil {
		return nil, err
	}

	if err := s.check(ctx); err != nil {
		return &s.Platform, fmt.Errorf("%w (%w)", ErrNotUp, err)
	}

	return &s.Platform, nil
}

// Down ends the platform, and removes everything that Up made except the logs. No
// platform is no error.
func Down(ctx context.Context, o Options) error {
	o, unlock, err := o.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()

	return o.clean(ctx)
}

// lock completes the options, and locks out other calls of Up and Down.
func (o Options) lock(ctx context.Context) (Options, func(), error) {
	o, err := o.complete()
	if err != nil {
		return o, nil, err
	}

	unlock, err := pinned.Lock(ctx, filepath.Join(o.OutputDir, ".platform.lock"), func() {
		fmt.Fprintln(o.Progress, "Waiting for another process that starts or ends the platform.")
	})

	return o, unlock, err
}
