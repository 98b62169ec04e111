package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cistern-dev/cistern/test/dev/platform/embedded"
)

// The files that Up writes to the output directory for other programs.
const (
	stateFile      = "state.json"
	kubeconfigFile = "kubeconfig"
	minioURLFile   = "minio-url"
	minioCAFile    = "minio-ca.crt"
)

// state is what later commands need to know of a platform. It is written before
// anything is started, so that clean always finds it.
type state struct {
	Platform Platform
	// Ready is set when Up has succeeded.
	Ready bool
	// Daemon is the background process of the platform.
	Daemon daemon
	// Node configures the node of a local platform.
	Node *nodeConfig `json:",omitempty"`
	// Embedded configures the daemon of an embedded platform.
	Embedded *embedded.Config `json:",omitempty"`
}

func readState(outputDir string) (*state, error) {
	b, err := os.ReadFile(filepath.Join(outputDir, stateFile))
	if err != nil {
		return nil, fmt.Errorf("cannot read the platform's state: %w", err)
	}

	s := &state{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("cannot parse %s: %w", filepath.Join(outputDir, stateFile), err)
	}

	return s, nil
}

// save writes the state for later commands.
func (s *state) save(outputDir string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the platform's state: %w", err)
	}
	// The rename is atomic: a reader gets the old state or the new one.
	file := filepath.Join(outputDir, stateFile)
	if err := os.WriteFile(file+".new", b, 0o600); err != nil {
		return fmt.Errorf("cannot write the platform's state: %w", err)
	}

	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("cannot write the platform's state: %w", err)
	}

	return nil
}

var errDaemonEnded = errors.New("its daemon has ended")

// check returns an error if the platform does not answer.
func (s *state) check(ctx context.Context) error {
	if !s.Daemon.alive() {
		return errDaemonEnded
	}

	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()

	if _, err := s.Platform.Kubectl(ctx, "", "get", "--raw", "/readyz"); err != nil {
		return fmt.Errorf("its API server does not answer: %w", err)
	}

	return nil
}

// clean ends the platform of the state file, whether it is up, dead or was never
// ready, and removes what Up made.
func (o Options) clean(ctx context.Context) error {
	s, err := readState(o.OutputDir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		// Nothing was started, or the directory of a running platform was removed,
		// which ends it.
	case err != nil:
		return err
	default:
		if err := o.end(ctx, s); err != nil {
			return err
		}
	}
	// The state file is removed last, so that cleaning can be tried again.
	for _, f := range []string{kubeconfigFile, minioURLFile, minioCAFile, stateFile} {
		if err := os.Remove(filepath.Join(o.OutputDir, f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("cannot clean up: %w", err)
		}
	}

	return nil
}

// end stops a platform's daemon, and removes what is outside the output directory.
func (o Options) end(ctx context.Context, s *state) error {
	if err := s.Daemon.stop(ctx); err != nil {
		return err
	}

	if !s.Platform.Local {
		if err := s.cleanExisting(ctx); err != nil {
			return fmt.Errorf("%w (to leave it in the cluster, remove %s)", err, filepath.Join(o.OutputDir, stateFile))
		}
	}

	if s.Node != nil {
		if err := s.Node.Clean(); err != nil {
			return fmt.Errorf("cannot clean up after the node: %w", err)
		}
	}

	if s.Embedded != nil {
		return s.Embedded.Clean()
	}

	return nil
}
