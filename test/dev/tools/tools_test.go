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

	if len(dirs) != len(programs) {
		t.Errorf("there are %d modules, and %d programs", len(dirs), len(programs))
	}

	repo, err := RepoDir()
	if err != nil {
		t.Fatal(err)
	}

	for name := range programs {
		if err := program(repo, name).Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBuildUnknown(t *testing.T) {
	t.Parallel()

	_, err := Build(context.Background(), io.Discard, "nothing")
	if err == nil || !strings.Contains(err.Error(), "kubectl") {
		t.Errorf("Build(nothing): error %v, want one that lists the programs", err)
	}
}
