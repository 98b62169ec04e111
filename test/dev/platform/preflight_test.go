package platform

import (
	"strings"
	"testing"
)

// TestPreflight checks what a person reads before anything is built, on a machine without Go, git and
// space on the disk.
func TestPreflight(t *testing.T) {
	o := Options{OutputDir: t.TempDir()}
	if err := o.preflight(); err != nil {
		t.Errorf("want this machine to be good enough, got %v", err)
	}

	t.Setenv("PATH", t.TempDir())

	o.OutputDir = "/proc" // It has no space at all.

	err := o.preflight()
	if err == nil {
		t.Fatal("want an error, got none")
	}

	want := "go is not in PATH: install it\n" +
		"git is not in PATH: install it\n" +
		"the disk of /proc has 0 MiB left, and a platform needs 4096 MiB: free some, or set CISTERN_OUTPUT_DIR to a directory on another disk"
	if err.Error() != want {
		t.Errorf("want every lack at once:\n%s\ngot\n%s", want, strings.TrimSpace(err.Error()))
	}
}
