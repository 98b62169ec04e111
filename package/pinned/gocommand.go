package pinned

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// goCommand returns a run of the go command in a directory. It ignores the flags
// and the workspace that the caller's environment sets for other work.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir

	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	// After an interrupt, go build removes its temporary files.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second

	return cmd
}

// goVersion returns the version of the go command, which it runs once.
var goVersion = sync.OnceValues(func() (string, error) {
	b, err := goCommand(context.Background(), "", "env", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("cannot run go: %w", withStderr(err))
	}

	return string(bytes.TrimSpace(b)), nil
})

// withStderr adds what a failed command wrote to standard error to the error
// that Output returned.
func withStderr(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}

	return err
}
