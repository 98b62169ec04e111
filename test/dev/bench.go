package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cistern-dev/cistern/test/dev/bench"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

type benchCmd struct {
	upCmd
	bench.Options
}

// Run measures Cistern on the platform that is up, or on one of its own.
func (c *benchCmd) Run(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "Benchmark of Cistern. The platform is started first, unless it is up.")

	return c.during(ctx, func(ctx context.Context, p *platform.Platform) error {
		repo, packages, err := directories()
		if err != nil {
			return err
		}

		file := filepath.Join(filepath.Dir(packages), "bench.json")

		return bench.Run(ctx, p, repo, packages, file, c.Options, os.Stdout)
	})
}
