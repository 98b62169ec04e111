//go:build e2e

package component

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// env is the environment that all tests share.
var env *Env

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// Programs that are not in the cache yet take many minutes to build.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()

	begin := time.Now()

	e, err := Start(ctx, os.Stderr, Native())
	if err != nil {
		fmt.Fprintln(os.Stderr, "component:", err)
		return 1
	}
	defer e.Close()

	fmt.Fprintf(os.Stderr, "  The test environment is up after %s.\n", time.Since(begin).Round(100*time.Millisecond))

	env = e
	code := m.Run()

	calls, _ := e.Proxy.Calls(0)
	for _, name := range unnamed(calls) {
		fmt.Fprintf(os.Stderr, "component: the provider calls %s of MinIO: name it in minio.Operations, and record its answers\n", name)

		code = 1
	}

	if err := e.Races(); err != nil {
		fmt.Fprintln(os.Stderr, "component:", err)
		code = 1
	}

	return code
}
