package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cistern-dev/cistern/test/dev/platform"
)

// show writes the steps of the demo for a person, as they happen.
type show struct {
	out io.Writer
	// dir is the directory that commands run in.
	dir   string
	env   []string
	steps int
}

// newShow returns a show whose commands run in the root of the clone, with kubectl
// and jq in PATH. A kubeconfig in the directory tmp sets kubectl's cluster and
// namespace.
func newShow(ctx context.Context, out io.Writer, p *platform.Platform, repo, namespace, tmp string) (*show, error) {
	b, err := os.ReadFile(p.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("cannot read the kubeconfig: %w", err)
	}

	kubeconfig := filepath.Join(tmp, "kubeconfig")
	if err := os.WriteFile(kubeconfig, b, 0o600); err != nil {
		return nil, fmt.Errorf("cannot write the tenant's kubeconfig: %w", err)
	}

	path := strings.Join([]string{filepath.Dir(p.KubectlPath), filepath.Dir(p.JqPath), os.Getenv("PATH")}, string(os.PathListSeparator))
	s := &show{out: out, dir: repo, env: append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+path)}

	_, err = s.bash(ctx, "kubectl config set-context --current --namespace="+namespace)

	return s, err
}

// step writes the title of the next step.
func (s *show) step(title string) {
	s.steps++
	s.printf("\n%d. %s\n", s.steps, title)
}

// run runs a command, and writes the command and its output. It returns the output.
func (s *show) run(ctx context.Context, command string) (string, error) {
	s.printf("\n   $ %s\n", command)

	out, err := s.bash(ctx, command)
	for line := range strings.Lines(out) {
		s.printf("     %s", line)
	}

	return out, err
}

// donef writes what was achieved, and how long it took.
func (s *show) donef(start time.Time, format string, args ...any) {
	s.printf("   ✓ %-58s %6.2f s\n", fmt.Sprintf(format, args...), time.Since(start).Seconds())
}

func (s *show) printf(format string, args ...any) {
	fmt.Fprintf(s.out, format, args...)
}

// bash runs a command line, and returns its output.
func (s *show) bash(ctx context.Context, command string) (string, error) {
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", command)
	cmd.Dir, cmd.Env = s.dir, s.env

	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w", command, err)
	}

	return string(out), nil
}
