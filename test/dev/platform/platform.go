// Package platform is where Cistern is developed and tested end to end: a
// Kubernetes with Crossplane, and a MinIO in it.
//
// Up starts all of that on this machine (a real one-node cluster, without Docker,
// see package node), or puts MinIO into a cluster that exists. Either way it
// outlives the command that started it, until Down. Others attach with Open.
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

// Options say where and how a platform runs. The zero value is a local platform
// that is started by a program with a `daemon` command.
type Options struct {
	// OutputDir gets the kubeconfig, the logs and the state file; default
	// _output in the clone.
	OutputDir string
	// RunDir gets the local node's data, gigabytes of it, and must not be on an
	// overlay file system; default run in OutputDir.
	RunDir string
	// Daemon are the arguments with which this program runs Daemon with those
	// that follow them; default "daemon".
	Daemon []string
	// Existing is a cluster to use; nil starts one.
	Existing *Existing
	// Progress gets a line for each step; default none.
	Progress io.Writer
}

// Existing is a cluster that has Crossplane already.
type Existing struct {
	// Kubeconfig is the file that says how to reach the cluster.
	Kubeconfig string
	// Registry is where the cluster pulls images from, such as ghcr.io/org.
	Registry string
	// PushRegistry is the same registry as this machine reaches it; default Registry.
	PushRegistry string
}

// Platform is one that is up. Its paths are absolute.
type Platform struct {
	// ID tells this platform from every other.
	ID string
	// Local is true for a cluster that Up started.
	Local bool
	// Kubeconfig is the file for an administrator of the cluster.
	Kubeconfig string
	// KubectlPath and JqPath are the programs.
	KubectlPath, JqPath string
	// MinIOURL is how this machine reaches MinIO; inside the cluster it is MinIOInsideURL.
	MinIOURL string
	// MinIOCAFile is the certificate of the CA that signed MinIO's.
	MinIOCAFile string
	// Registry is where the cluster pulls from, PushRegistry how this machine
	// reaches the same.
	Registry, PushRegistry string
	// LogDir has the logs of a local platform's components and pods.
	LogDir string
	// DaemonPID is the process that all of a local platform descend from.
	DaemonPID int
}

// ownerLabel marks what was put into a cluster with the ID of the platform that
// put it there, so that nothing of anybody else is ever replaced or removed.
const ownerLabel = "cistern.dev/platform"

// Owner returns the label, as key=value, of what belongs to this platform.
func (p *Platform) Owner() string { return ownerLabel + "=" + p.ID }

// newID returns the ID of a new platform.
func newID() string { return strings.ToLower(rand.Text()[:12]) }

// MinIOInsideURL is how pods reach MinIO.
const MinIOInsideURL = "https://minio.minio.svc:9000"

// ErrNotUp is returned by Open when there is no platform.
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

// Up returns a platform that is up, starting it if need be. What is left of one
// that died is replaced. When it fails or is interrupted, nothing stays behind.
func Up(ctx context.Context, o Options) (*Platform, error) {
	o, unlock, err := o.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()

	if p := o.running(ctx); p != nil {
		return p, nil
	}

	if ctx.Err() != nil { // it may be running, and unable to say so
		return nil, fmt.Errorf("interrupted: %w", ctx.Err())
	}

	if err := o.clean(ctx); err != nil {
		return nil, err
	}

	start := time.Now()

	up := o.upLocal
	if o.Existing != nil {
		up = o.upExisting
	}

	p, err := up(ctx)
	if err != nil {
		if ctx.Err() != nil { // then err is about whoever noticed first
			err = fmt.Errorf("interrupted: %w", ctx.Err())
		}
		// The caller's context may be the reason; cleaning up is due all the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()

		return nil, errors.Join(err, o.clean(ctx))
	}

	fmt.Fprintf(o.Progress, "Ready in %s\n", time.Since(start).Round(100*time.Millisecond))

	return p, nil
}

// running returns the platform that is up and is what the options ask for, or nil.
func (o Options) running(ctx context.Context) *Platform {
	s, err := readState(o.OutputDir)
	if err != nil || !s.Ready || s.Platform.Local != (o.Existing == nil) {
		return nil
	}

	err = s.check(ctx)
	if errors.Is(err, errDaemonEnded) && !s.Platform.Local {
		// Such as after a restart of this machine: what is in the cluster is still there.
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

// Open attaches to a platform that is up. It returns ErrNotUp if there is none,
// and with it the platform if there is one that does not answer.
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

// Down ends the platform, and removes all that Up made but the logs. It is no
// error if there is none.
func Down(ctx context.Context, o Options) error {
	o, unlock, err := o.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()

	return o.clean(ctx)
}

// lock completes the options, and keeps other Ups and Downs out.
func (o Options) lock(ctx context.Context) (Options, func(), error) {
	o, err := o.complete()
	if err != nil {
		return o, nil, err
	}

	unlock, err := pinned.Lock(ctx, filepath.Join(o.OutputDir, ".platform.lock"), func() {
		fmt.Fprintln(o.Progress, "Another process starts or ends the platform: waiting for it.")
	})

	return o, unlock, err
}
