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

// Run runs a command while a platform is up with this clone's packages.
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

// environment returns the variables with which a command finds this platform. A
// directory that is not set must not become an empty variable, which would mean
// the current directory.
func (f dirFlags) environment() []string {
	var env []string
	if f.OutputDir != "" {
		env = append(env, "CISTERN_OUTPUT_DIR="+f.OutputDir)
	}

	if f.RunDir != "" {
		env = append(env, "CISTERN_RUN_DIR="+f.RunDir)
	}

	return env
}

// during calls do while a platform is up. It starts a platform if none is up, and
// stops it afterwards, however do ends.
func (c *upCmd) during(ctx context.Context, do func(context.Context, *platform.Platform) error) (err error) {
	if _, before := platform.Open(ctx, c.options()); errors.Is(before, platform.ErrNotUp) {
		defer func() {
			// Cleaning up must not end with the context of an interrupted command.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
			defer cancel()

			err = errors.Join(err, c.down(ctx))
			fmt.Fprintln(os.Stderr, "The platform is stopped.")
		}()
	} else {
		defer fmt.Fprintln(os.Stderr, "The platform was up before, and stays up. Stop it with `make down`.")
	}

	p, err := c.up(ctx)
	if err != nil {
		return err
	}

	return do(ctx, p)
}
