package tools

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// TestModules checks that each program has its module, and each module its program.
func TestModules(t *testing.T) {
	t.Parallel()

	dirs, err := filepath.Glob("*/go.mod")
	if err != nil {
		t.Fatal(err)
	}

	repo, err := RepoDir()
	if err != nil {
		t.Fatal(err)
	}

	used := map[string]bool{}

	for name := range programs {
		used[program(repo, name).Dir] = true

		if err := program(repo, name).Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	if len(dirs) != len(used) {
		t.Errorf("there are %d modules, and %d that programs are built from", len(dirs), len(used))
	}
}

func TestBuildUnknown(t *testing.T) {
	t.Parallel()

	_, err := Build(context.Background(), io.Discard, "nothing")
	if err == nil || !strings.Contains(err.Error(), "kubectl") {
		t.Errorf("Build(nothing): error %v, want one that lists the programs", err)
	}
}
