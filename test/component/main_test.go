//go:build e2e

package component

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
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

	options := Native()

	var err error
	if options.External, err = ExternalFromEnvironment(); err != nil {
		fmt.Fprintln(os.Stderr, "component:", err)
		return 1
	}

	e, err := Start(ctx, os.Stderr, options)
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

	if options.External != nil {
		tidy(e)
	}

	return code
}

// tidy removes from an external server what the tests created there. It prints what remains, and
// which tests were skipped.
func tidy(e *Env) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()

	removed, remains := e.Tidy(ctx)
	fmt.Fprintf(os.Stderr, "  %d buckets, users and policies were removed from the server again, %d remain\n", removed, len(remains))

	for _, err := range remains {
		fmt.Fprintf(os.Stderr, "    %v\n", err)
	}

	var names []string

	skipped.Range(func(name, _ any) bool {
		names = append(names, fmt.Sprint(name))

		return true
	})
	slices.Sort(names)

	fmt.Fprintf(os.Stderr, "  %d tests start servers of their own and were skipped: %s\n", len(names), cmp.Or(strings.Join(names, ", "), "none"))
}
