package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/test/dev/install"
	"github.com/cistern-dev/cistern/test/dev/platform"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

// what is to be built.
type what struct {
	Version string `default:"v0.1.0-dev" env:"VERSION" help:"Version of the packages. One that ends in -dev is followed by a hash of their content."`
}

// whatElse is installed.
type whatElse struct {
	what

	Extras bool `env:"EXTRAS" help:"Install provider-minio-extras too."`
}

// places returns the root of the clone and the directory for packages.
func places() (repo, output string, err error) {
	repo, err = tools.RepoDir()
	if err != nil {
		return "", "", err
	}

	output = filepath.Join(repo, "_output", "packages")

	return repo, output, os.MkdirAll(output, 0o755)
}

// install builds the packages and installs them on a platform.
func (w whatElse) install(ctx context.Context, p *platform.Platform) error {
	repo, output, err := places()
	if err != nil {
		return err
	}

	return install.Packages(ctx, p, repo, output, w.Version, w.Extras, os.Stderr)
}

type packagesCmd struct {
	what

	Registry     string `env:"REGISTRY" help:"Where clusters pull the packages from, such as ghcr.io. Without it they are built, but not pushed."`
	PushRegistry string `env:"PUSH_REGISTRY" help:"The same registry as this machine reaches it, if that is another address."`
	Composition  string `env:"COMPOSITION" type:"existingfile" help:"File of the Composition that configuration-bucket is to carry, such as one of examples/platform. Without it, its own."`
}

// Run builds the packages and prints what to install.
func (c *packagesCmd) Run(ctx context.Context) error {
	repo, output, err := places()
	if err != nil {
		return err
	}

	push := c.PushRegistry
	if push == "" {
		push = c.Registry
	}

	pkgs, err := build.Packages(ctx, build.Options{
		Repo: repo, Output: output, Registry: c.Registry, PushRegistry: push, Version: c.Version, Composition: c.Composition, Extras: true, Progress: os.Stderr,
	})
	if err != nil {
		return err
	}

	for _, p := range pkgs {
		if push == "" {
			fmt.Println(p.File)
		} else {
			fmt.Println(p.Reference)
		}
	}

	return nil
}
