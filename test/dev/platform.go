package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cistern-dev/cistern/test/dev/install"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// where is what all commands on the platform must agree on.
type where struct {
	OutputDir string `help:"Where kubeconfig, logs and state go; default _output in the clone." env:"CISTERN_OUTPUT_DIR" type:"path"`
	RunDir    string `help:"Where the node's data goes; default run in the output directory." env:"CISTERN_RUN_DIR" type:"path"`
}

func (w where) options() platform.Options {
	return platform.Options{OutputDir: w.OutputDir, RunDir: w.RunDir, Progress: os.Stderr}
}

type upCmd struct {
	where
	whatElse

	Platform     string `help:"What to use: local starts a node on this machine, existing takes a cluster with Crossplane." env:"PLATFORM" enum:"local,existing" default:"local"`
	Kubeconfig   string `help:"Of the existing cluster." env:"KUBECONFIG"`
	Registry     string `help:"Where the existing cluster pulls images from." env:"REGISTRY"`
	PushRegistry string `help:"The same registry as this machine reaches it, if that is another address." env:"PUSH_REGISTRY"`
}

// Run starts the platform, installs the packages and says how to use both.
func (c *upCmd) Run(ctx context.Context) error {
	p, err := c.up(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, `
  export KUBECONFIG=%s
  kubectl    %s
  MinIO      %s (CA: %s; keys: Secret minio/minio-admin)
  registry   %s (in the cluster: %s)

Claim a bucket:

  kubectl apply -f examples/claim/bucket.yaml
  kubectl get buckets.apps.cozystack.io
  kubectl get secret bucket-backup-prod -o jsonpath='{.data.BucketInfo}' | base64 -d | jq
`, p.Kubeconfig, p.KubectlPath, p.MinIOURL, p.MinIOCAFile, p.PushRegistry, p.Registry)
	return nil
}

// up returns a platform that is up with this clone's packages installed. If they
// cannot be, the platform stays up, to be looked at.
func (c *upCmd) up(ctx context.Context) (*platform.Platform, error) {
	o := c.options()
	if c.Platform == "existing" {
		o.Existing = &platform.Existing{Kubeconfig: c.Kubeconfig, Registry: c.Registry, PushRegistry: c.PushRegistry}
	}
	p, err := platform.Up(ctx, o)
	if err != nil {
		return nil, err
	}
	return p, c.install(ctx, p)
}

type downCmd struct {
	where
}

// Run ends the platform.
func (c *downCmd) Run(ctx context.Context) error {
	return c.down(ctx)
}

// down ends the platform. A cluster that was there before keeps nothing of ours;
// one of our own goes as a whole.
func (w where) down(ctx context.Context) error {
	if p, _ := platform.Open(ctx, w.options()); p != nil && !p.Local {
		if err := install.Remove(ctx, p); err != nil {
			return err
		}
	}

	return platform.Down(ctx, w.options())
}

type daemonCmd struct {
	Kind string `arg:""`
	Dir  string `arg:""`
}

// Run is the platform's background process.
func (c *daemonCmd) Run() error {
	return platform.Daemon(c.Kind, c.Dir)
}
