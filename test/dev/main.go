// Command dev is Cistern's developer tool. It builds the pinned programs and the
// packages, starts and stops the platform that Cistern is tested on, and runs the
// demo and the benchmark there.
package main

import (
	"context"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Up       upCmd       `cmd:"" help:"Start a platform (Kubernetes, Crossplane, MinIO) unless one is up, and install the packages."`
	Down     downCmd     `cmd:"" help:"Stop the platform, and remove everything except its logs."`
	Run      runCmd      `cmd:"" help:"Run a command while a platform is up, and stop the platform if it was not up before."`
	Demo     demoCmd     `cmd:"" help:"Show what Cistern does, end to end: claim a bucket, use it, delete it."`
	Bench    benchCmd    `cmd:"" help:"Measure speed, resource usage, and how both grow with the number of resources."`
	Packages packagesCmd `cmd:"" help:"Build the packages, and push them if a registry is given."`
	Release  releaseCmd  `cmd:"" help:"Make a release for all architectures, with contents, provenance and signatures, and push it if a registry is given."`
	Tool     toolCmd     `cmd:"" help:"Build pinned programs, and print their paths."`

	CachePrune cachePruneCmd `cmd:"" help:"Remove from the cache of tools what this clone does not use, such as old versions."`
	Advisories advisoriesCmd `cmd:"" help:"Fail if the packages would be built from modules with known holes, see package/advisories/floors.txt."`

	Daemon daemonCmd `cmd:"" hidden:"" help:"The platform's background process."`
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("dev"), kong.Description("Cistern's developer tool."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	k.BindTo(ctx, (*context.Context)(nil))
	err := k.Run()
	stop()
	k.FatalIfErrorf(err)
}
