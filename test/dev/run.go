package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/cistern-dev/cistern/test/dev/platform"
)

type runCmd struct {
	upCmd

	Command []string `arg:"" help:"The command and its arguments." passthrough:""`
}

// Run runs a command while the platform is up with this clone's packages.
func (c *runCmd) Run(ctx context.Context) error {
	return c.during(ctx, func(ctx context.Context, p *platform.Platform) error {
		args := c.Command
		if len(args) > 0 && args[0] == "--" {
			args = args[1:]
		}

		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 10 * time.Second
		cmd.Env = append(os.Environ(), c.environment()...)

		return cmd.Run()
	})
}

// environment leads a command that uses the platform to the one that is up. A
// variable that is empty would lead to the current directory.
func (w where) environment() []string {
	var env []string
	if w.OutputDir != "" {
		env = append(env, "CISTERN_OUTPUT_DIR="+w.OutputDir)
	}

	if w.RunDir != "" {
		env = append(env, "CISTERN_RUN_DIR="+w.RunDir)
	}

	return env
}

// during calls do while the platform is up. One that was up before stays up;
// one that was not goes down again, however do ends.
func (c *upCmd) during(ctx context.Context, do func(context.Context, *platform.Platform) error) (err error) {
	if _, before := platform.Open(ctx, c.options()); errors.Is(before, platform.ErrNotUp) {
		defer func() {
			// The command may have been interrupted; cleaning up is due all the same.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
			defer cancel()

			err = errors.Join(err, c.down(ctx))
			fmt.Fprintln(os.Stderr, "The platform is down.")
		}()
	} else {
		defer fmt.Fprintln(os.Stderr, "The platform stays up, as it was before: `make down` ends it.")
	}

	p, err := c.up(ctx)
	if err != nil {
		return err
	}

	return do(ctx, p)
}
