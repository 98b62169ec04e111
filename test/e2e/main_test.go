//go:build e2e

// Package e2e tests Cistern end to end on a running platform of Kubernetes,
// Crossplane and MinIO. Run it with `make e2e`.
package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

// All tests share the platform and its clients. repo is the root of the repository.
var (
	plat  *platform.Platform
	kube  client.WithWatch
	admin *api.Admin
	repo  string
)

func TestMain(m *testing.M) {
	if err := connect(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}

	leaks, err := startLeakDetector(plat)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}

	code := m.Run()

	if err := leaks.report(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: leaks:", err)

		code = 1
	}

	os.Exit(code)
}

func connect() error {
	ctx, cancel := context.WithTimeout(context.Background(), await.Timeout)
	defer cancel()

	var err error
	if repo, err = tools.RepoDir(); err != nil {
		return err
	}

	if plat, err = platform.Open(ctx, platform.Options{OutputDir: os.Getenv("CISTERN_OUTPUT_DIR")}); err != nil {
		return err
	}

	if kube, err = api.Kubernetes(plat); err != nil {
		return err
	}

	admin, err = api.NewAdmin(ctx, plat, kube)

	return err
}
