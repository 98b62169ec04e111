package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

type toolCmd struct {
	Name []string `arg:"" help:"Tools to build." placeholder:"NAME"`
}

// Run builds tools and prints their paths, one a line.
func (c *toolCmd) Run(ctx context.Context) error {
	paths, err := tools.Build(ctx, os.Stderr, c.Name...)
	if err != nil {
		return err
	}
	for _, n := range c.Name {
		fmt.Println(paths[n])
	}
	return nil
}
