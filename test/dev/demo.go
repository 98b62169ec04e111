package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/cistern-dev/cistern/test/dev/demo"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

type demoCmd struct {
	upCmd

	Transcript string `help:"File to write the demo's output to, without what differs between runs." type:"path"`
}

// Run shows the demo on the platform that is up, or on one of its own.
func (c *demoCmd) Run(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "Demo of Cistern. The platform is started first, unless it is up.")

	return c.during(ctx, func(ctx context.Context, p *platform.Platform) error {
		repo, _, err := directories()
		if err != nil {
			return err
		}

		var output bytes.Buffer

		if err := demo.Run(ctx, p, repo, io.MultiWriter(os.Stdout, &output)); err != nil {
			return err
		}

		if c.Transcript != "" {
			if err := os.WriteFile(c.Transcript, []byte(demo.Transcript(output.String())), 0o644); err != nil {
				return fmt.Errorf("cannot write the transcript: %w", err)
			}
		}

		fmt.Println("\nEverything shown here was checked.")

		return nil
	})
}
