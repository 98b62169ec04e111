package tools

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goMod = `module example.org/tool

go 1.26.0

require example.org/single v1.2.3

require (
	example.org/direct v0.1.0
	example.org/indirect v0.0.0-20260212201848-7aac2a2c5b7c // indirect
)
`

func TestRequiredVersion(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		reason  string
		module  string
		want    string
		wantErr bool
	}{
		"Single":   {reason: "A require line of its own counts.", module: "example.org/single", want: "v1.2.3"},
		"Block":    {reason: "So does one in a block.", module: "example.org/direct", want: "v0.1.0"},
		"Indirect": {reason: "A module that is only built is required indirectly.", module: "example.org/indirect", want: "v0.0.0-20260212201848-7aac2a2c5b7c"},
		"None":     {reason: "Another module has no version here.", module: "example.org", wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got, err := requiredVersion([]byte(goMod), tc.module)
			if (err != nil) != tc.wantErr {
				t.Fatalf("%s\nrequiredVersion(): error %v", tc.reason, err)
			}

			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nrequiredVersion(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestModules checks that each entry of the table has its module, and each
// module its entry.
func TestModules(t *testing.T) {
	t.Parallel()

	dirs, err := filepath.Glob("*/go.mod")
	if err != nil {
		t.Fatal(err)
	}

	if len(dirs) != len(all) {
		t.Errorf("there are %d modules, and %d tools", len(dirs), len(all))
	}

	for name, tool := range all {
		b := build{name: name, tool: tool, dir: name}

		version, err := b.version()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}

		if title := b.title(version); len(title) > 52 {
			t.Errorf("%s: title %q is wider than its column", name, title)
		}
	}
}

func TestKey(t *testing.T) {
	t.Parallel()

	base := build{tool: tool{pkg: ".", stamps: []string{"main.v=%s"}}, goVersion: "go1.26.0"}

	cases := map[string]struct {
		reason string
		change func(b *build, dir string)
		same   bool
	}{
		"Nothing":   {reason: "The same input is the same build.", change: func(*build, string) {}, same: true},
		"Name":      {reason: "What a person reads does not change the binary.", change: func(b *build, _ string) { b.label = "x" }, same: true},
		"GoVersion": {reason: "Another compiler makes another binary.", change: func(b *build, _ string) { b.goVersion = "go1.27.0" }},
		"Stamps":    {reason: "Stamps are in the binary.", change: func(b *build, _ string) { b.stamps = nil }},
		"GoMod":     {reason: "go.mod selects what is linked.", change: func(_ *build, dir string) { writeFile(t, dir, "go.mod", "module y") }},
		"GoSum":     {reason: "go.sum says what the modules hold.", change: func(_ *build, dir string) { writeFile(t, dir, "go.sum", "example.org/a v1 h1:x") }},
		"Main":      {reason: "main.go is what is built.", change: func(_ *build, dir string) { writeFile(t, dir, "main.go", "package main // changed") }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			b := base
			b.dir = t.TempDir()
			writeFile(t, b.dir, "go.mod", "module x")
			writeFile(t, b.dir, "main.go", "package main")

			before, err := b.key("v1")
			if err != nil {
				t.Fatal(err)
			}

			tc.change(&b, b.dir)

			after, err := b.key("v1")
			if err != nil {
				t.Fatal(err)
			}

			if (before == after) != tc.same {
				t.Errorf("%s\nkey(): %s, then %s", tc.reason, before, after)
			}
		})
	}
}

func writeFile(t *testing.T, dir, name, content string) {
	t.Helper()

	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestInstall(t *testing.T) {
	t.Setenv("CISTERN_CACHE", t.TempDir())

	ctx := context.Background()
	errFill := errors.New("boom")

	_, _, err := install(ctx, io.Discard, "tool", "key", func(dir string) error {
		writeFile(t, dir, "half", "")

		return errFill
	})
	if !errors.Is(err, errFill) {
		t.Fatalf("install(): error %v, want %v", err, errFill)
	}

	// Many at once: one fills, and all see all of it.
	var (
		filled atomic.Int32
		group  sync.WaitGroup
	)

	for range 10 {
		group.Go(func() {
			dir, _, err := install(ctx, io.Discard, "tool", "key", func(dir string) error {
				filled.Add(1)
				writeFile(t, dir, "whole", "x")

				return nil
			})
			if err != nil {
				t.Errorf("install(): %v", err)
			}

			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 || entries[0].Name() != "whole" {
				t.Errorf("install(): the entry holds %v, error %v", entries, err)
			}
		})
	}

	group.Wait()

	if n := filled.Load(); n != 1 {
		t.Errorf("install(): filled %d times", n)
	}
}

func TestBuildUnknown(t *testing.T) {
	t.Parallel()

	_, err := Build(context.Background(), io.Discard, "nothing")
	if err == nil || !strings.Contains(err.Error(), "kubectl") {
		t.Errorf("Build(nothing): error %v, want one that lists the tools", err)
	}
}
