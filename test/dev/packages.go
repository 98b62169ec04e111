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

// packageFlags configure how packages are built.
type packageFlags struct {
	Version string `default:"v0.1.0-dev" env:"VERSION" help:"Version of the packages. A hash of the package's content is added to one that ends in -dev."`
}

// installFlags configure which packages are installed.
type installFlags struct {
	packageFlags

	Extras bool `env:"EXTRAS" help:"Install provider-minio-extras too."`
}

// directories returns the root of the clone and the directory for packages, which
// it makes.
func directories() (repo, output string, err error) {
	repo, err = tools.RepoDir()
	if err != nil {
		return "", "", err
	}

	output = filepath.Join(repo, "_output", "packages")

	return repo, output, os.MkdirAll(output, 0o755)
}

// install builds the packages and installs them on a platform.
func (f installFlags) install(ctx context.Context, p *platform.Platform) error {
	repo, output, err := directories()
	if err != nil {
		return err
	}

	return install.Packages(ctx, p, repo, output, f.Version, f.Extras, os.Stderr)
}

type packagesCmd struct {
	packageFlags

	Registry     string `env:"REGISTRY" help:"Registry that clusters pull the packages from, such as ghcr.io. Without it the packages are built, but not pushed."`
	PushRegistry string `env:"PUSH_REGISTRY" help:"Address at which this machine reaches the same registry, if it differs."`
	Composition  string `env:"COMPOSITION" type:"existingfile" help:"File of the Composition in configuration-bucket, such as one of examples/platform. Without it, package/configuration/composition.yaml."`
}

// Run builds the packages, and prints their references, or their files if they were
// not pushed.
func (c *packagesCmd) Run(ctx context.Context) error {
	repo, output, err := directories()
	if err != nil {
		return err
	}

	push := c.PushRegistry
	if push == "" {
		push = c.Registry
	}

	pkgs, err := build.Packages(ctx, build.Options{
		Repo:         repo,
		Output:       output,
		Registry:     c.Registry,
		PushRegistry: push,
		Version:      c.Version,
		Composition:  c.Composition,
		Extras:       true,
		Progress:     os.Stderr,
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
