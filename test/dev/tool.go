package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

type toolCmd struct {
	Name []string `arg:"" help:"Programs to build, such as kubectl." placeholder:"NAME"`
}

// Run builds programs and prints their paths, one on each line.
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
