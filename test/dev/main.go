// Command dev is Cistern's developer tool: it builds the tools, and starts and
// ends the platform that Cistern is tested on.
package main

import (
	"context"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Up       upCmd       `cmd:"" help:"Start a platform (Kubernetes, Crossplane, MinIO), or do nothing if it is up."`
	Down     downCmd     `cmd:"" help:"End the platform and remove all it left."`
	Run      runCmd      `cmd:"" help:"Run a command while a platform is up, and end the platform if it was not up before."`
	Demo     demoCmd     `cmd:"" help:"Show the main job end to end: claim, use, delete."`
	Bench    benchCmd    `cmd:"" help:"Measure how fast everything is, what it costs, and how that grows."`
	Packages packagesCmd `cmd:"" help:"Build the packages, and push them."`
	Tool     toolCmd     `cmd:"" help:"Build tools, and print where they are."`
	Daemon   daemonCmd   `cmd:"" hidden:"" help:"The platform's background process."`
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("dev"), kong.Description("Cistern's developer tool."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	k.BindTo(ctx, (*context.Context)(nil))
	err := k.Run()
	stop()
	k.FatalIfErrorf(err)
}
