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

// Run shows the demo on the platform that is up, or on one of its own.
func (c *demoCmd) Run(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "Demo of Cistern. The platform is started first, unless it is up.")

	return c.during(ctx, func(ctx context.Context, p *platform.Platform) error {
		repo, _, err := directories()
		if err != nil {
			return err
		}

		if err := demo.Run(ctx, p, repo, os.Stdout); err != nil {
			return err
		}

		fmt.Println("\nEverything shown here was checked.")

		return nil
	})
}
