package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cistern-dev/cistern/test/dev/demo"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

type demoCmd struct {
	upCmd
}

// Run shows the demo, on a platform of its own unless one is up.
func (c *demoCmd) Run(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "Cistern: a claim becomes a bucket. First, the platform.")

	return c.during(ctx, func(ctx context.Context, p *platform.Platform) error {
		repo, _, err := places()
		if err != nil {
			return err
		}

		if err := demo.Run(ctx, p, repo, os.Stdout); err != nil {
			return err
		}

		fmt.Println("\nAll of it held.")

		return nil
	})
}
