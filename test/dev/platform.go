package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/cistern-dev/cistern/test/dev/install"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// dirFlags are the directories of the platform. All commands on one platform need
// the same values.
type dirFlags struct {
	OutputDir string `help:"Directory for kubeconfig, logs and state; default _output in the clone." env:"CISTERN_OUTPUT_DIR" type:"path"`
	RunDir    string `help:"Directory for the data of the local node; default run in the output directory." env:"CISTERN_RUN_DIR" type:"path"`
}

func (f dirFlags) options() platform.Options {
	return platform.Options{OutputDir: f.OutputDir, RunDir: f.RunDir, Progress: os.Stderr}
}

type upCmd struct {
	dirFlags
	installFlags

	Platform     string `help:"Kind of platform: local starts a one-node cluster on this machine, embedded starts one whose pods are plain processes, existing uses a cluster that has Crossplane, auto is local if this machine can run it, else embedded." env:"PLATFORM" enum:"auto,local,embedded,existing" default:"auto"`
	Kubeconfig   string `help:"Kubeconfig file of the existing cluster." env:"KUBECONFIG"`
	Registry     string `help:"Registry that the existing cluster pulls images from." env:"REGISTRY"`
	PushRegistry string `help:"Address at which this machine reaches the same registry, if it differs." env:"PUSH_REGISTRY"`
}

// Run starts the platform, installs the packages and prints how to use them.
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
`, quote(p.Kubeconfig), quote(p.KubectlPath), p.MinIOURL, p.MinIOCAFile, p.PushRegistry, p.Registry)
	return nil
}

// quote quotes a path for a shell, if need be.
func quote(path string) string {
	if strings.IndexFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) < 0 {
		return path
	}

	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// up returns a platform with this clone's packages installed, and starts one unless
// it is up. If the packages cannot be installed, the platform stays up, so that the
// cause can be found.
func (c *upCmd) up(ctx context.Context) (*platform.Platform, error) {
	o := c.options()
	switch c.Platform {
	case "auto":
	case "existing":
		o.Existing = &platform.Existing{Kubeconfig: c.Kubeconfig, Registry: c.Registry, PushRegistry: c.PushRegistry}
	default:
		o.Kind = c.Platform
	}
	p, err := platform.Up(ctx, o)
	if err != nil {
		return nil, err
	}
	return p, c.install(ctx, p)
}

type downCmd struct {
	dirFlags
}

// Run stops the platform.
func (c *downCmd) Run(ctx context.Context) error {
	return c.down(ctx)
}

// down stops the platform. It removes a local cluster as a whole, and from an
// existing cluster everything that was installed.
func (f dirFlags) down(ctx context.Context) error {
	if p, _ := platform.Open(ctx, f.options()); p != nil && !p.Local {
		if err := install.Remove(ctx, p); err != nil {
			return err
		}
	}

	return platform.Down(ctx, f.options())
}

type daemonCmd struct {
	Kind string `arg:""`
	Dir  string `arg:""`
}

// Run runs the background process of a platform.
func (c *daemonCmd) Run() error {
	return platform.Daemon(c.Kind, c.Dir)
}
