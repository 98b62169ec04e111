//go:build e2e

package component

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// bed is what all tests share.
var bed *Bed

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// Programs that are not in the cache yet take many minutes to build.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()

	begin := time.Now()

	b, err := Start(ctx, os.Stderr, Native())
	if err != nil {
		fmt.Fprintln(os.Stderr, "direct:", err)
		return 1
	}
	defer b.Close()

	fmt.Fprintf(os.Stderr, "  The test bed is up after %s.\n", time.Since(begin).Round(100*time.Millisecond))

	bed = b
	code := m.Run()

	if err := b.Races(); err != nil {
		fmt.Fprintln(os.Stderr, "direct:", err)
		code = 1
	}

	return code
}
