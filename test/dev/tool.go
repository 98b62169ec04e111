package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/package/pinned"
	"github.com/cistern-dev/cistern/package/release"
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

type cachePruneCmd struct{}

// Run removes what this clone does not use from the cache of tools.
func (c *cachePruneCmd) Run(ctx context.Context) error {
	keep, err := tools.Entries()
	if err != nil {
		return err
	}

	repo, err := tools.RepoDir()
	if err != nil {
		return err
	}

	name, key, err := build.Entry(repo)
	if err != nil {
		return err
	}

	keep[name] = key

	sign := release.SignProgram(repo)
	if keep[sign.Name], err = sign.Key(); err != nil {
		return err
	}

	return pinned.Prune(ctx, os.Stderr, keep)
}
