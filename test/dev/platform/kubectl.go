package platform

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cistern-dev/cistern/test/process"
)

// Kubectl runs kubectl against the platform's cluster, with stdin as its
// standard input, and returns its standard output.
func (p *Platform) Kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	return run(ctx, []string{"KUBECONFIG=" + p.Kubeconfig}, stdin, p.KubectlPath, args...)
}

// run runs a program and returns its standard output.
func run(ctx context.Context, env []string, stdin, program string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer

	cmd := exec.CommandContext(ctx, program, args...)

	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr

	cmd.WaitDelay = 5 * time.Second
	if err := process.Run(cmd); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}

		return stdout.String(), fmt.Errorf("%s %s: %w: %s",
			filepath.Base(program), strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}

	return stdout.String(), nil
}
