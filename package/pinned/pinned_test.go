package pinned

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
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
		"Single": {reason: "A require directive of one line is read.", module: "example.org/single", want: "v1.2.3"},
		"Block":  {reason: "A require block is read.", module: "example.org/direct", want: "v0.1.0"},
		"Indirect": {
			reason: "A module without an import in the go.mod's directory is an indirect requirement.",
			module: "example.org/indirect", want: "v0.0.0-20260212201848-7aac2a2c5b7c",
		},
		"None": {reason: "A module that is not required has no version.", module: "example.org", wantErr: true},
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

func TestKey(t *testing.T) {
	t.Parallel()

	base := Program{Package: ".", Stamps: []string{"main.v=%s"}}

	cases := map[string]struct {
		reason string
		change func(p *Program)
		after  string // the Go version after the change
		same   bool
	}{
		"Nothing": {
			reason: "The same input has the same key.",
			change: func(*Program) {}, same: true,
		},
		"Label": {
			reason: "A label is not part of the binary.",
			change: func(p *Program) { p.Label = "x" }, same: true,
		},
		"GoVersion": {
			reason: "Another compiler makes another binary.",
			change: func(*Program) {}, after: "go1.27.0",
		},
		"Stamps": {
			reason: "Stamps are part of the binary.",
			change: func(p *Program) { p.Stamps = nil },
		},
		"GoMod": {
			reason: "go.mod selects what is linked.",
			change: func(p *Program) { writeFile(t, p.Dir, "go.mod", "module y") },
		},
		"GoSum": {
			reason: "go.sum fixes the content of the modules.",
			change: func(p *Program) { writeFile(t, p.Dir, "go.sum", "example.org/a v1 h1:x") },
		},
		"Main": {
			reason: "main.go is compiled.",
			change: func(p *Program) { writeFile(t, p.Dir, "main.go", "package main // changed") },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			const goVersion = "go1.26.0"

			p := base
			p.Dir = t.TempDir()
			writeFile(t, p.Dir, "go.mod", "module x")
			writeFile(t, p.Dir, "main.go", "package main")

			before, err := p.key(goVersion, "v1")
			if err != nil {
				t.Fatal(err)
			}

			tc.change(&p)

			after, err := p.key(or(tc.after, goVersion), "v1")
			if err != nil {
				t.Fatal(err)
			}

			if (before == after) != tc.same {
				t.Errorf("%s\nkey(): %s, then %s", tc.reason, before, after)
			}
		})
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}

	return s
}

func writeFile(t *testing.T, dir, name, content string) {
	t.Helper()

	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCached(t *testing.T) {
	t.Setenv("CISTERN_CACHE", t.TempDir())

	ctx := context.Background()
	errFill := errors.New("boom")

	_, _, err := Cached(ctx, io.Discard, "tool", "key", func(dir string) error {
		writeFile(t, dir, "half", "")

		return errFill
	})
	if !errors.Is(err, errFill) {
		t.Fatalf("Cached(): error %v, want %v", err, errFill)
	}

	// Of ten concurrent calls, one fills the entry, and all return it complete.
	var (
		filled atomic.Int32
		group  sync.WaitGroup
	)

	for range 10 {
		group.Go(func() {
			dir, _, err := Cached(ctx, io.Discard, "tool", "key", func(dir string) error {
				filled.Add(1)
				writeFile(t, dir, "whole", "x")

				return nil
			})
			if err != nil {
				t.Errorf("Cached(): %v", err)
			}

			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 || entries[0].Name() != "whole" {
				t.Errorf("Cached(): the entry holds %v, error %v", entries, err)
			}
		})
	}

	group.Wait()

	if n := filled.Load(); n != 1 {
		t.Errorf("Cached(): filled %d times", n)
	}
}

// TestPrune checks that all entries but those to keep are removed, also what a process that
// was killed left.
func TestPrune(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("CISTERN_CACHE", cache)

	for _, entry := range []string{"kept/new", "kept/old", "kept/unfinished", "unknown/key"} {
		dir := filepath.Join(cache, "tools", entry)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}

		writeFile(t, dir, "program", "x")
	}

	if err := Prune(context.Background(), io.Discard, map[string]string{"kept": "new", "absent": "key"}); err != nil {
		t.Fatal(err)
	}

	got, err := filepath.Glob(filepath.Join(cache, "tools", "*", "*", "program"))
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{filepath.Join(cache, "tools", "kept", "new", "program")}, got); diff != "" {
		t.Errorf("Prune(): -want, +got:\n%s", diff)
	}
}
