package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestFlagsAreExplained expects a help text that ends with a full stop for each flag.
func TestFlagsAreExplained(t *testing.T) {
	p, err := kong.New(&cli{})
	if err != nil {
		t.Fatal(err)
	}

	for _, f := range p.Model.Flags {
		if !strings.HasSuffix(strings.TrimSpace(f.Help), ".") && f.Name != "help" {
			t.Errorf("--%s has no explanation", f.Name)
		}
	}
}
