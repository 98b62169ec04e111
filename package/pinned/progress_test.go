package pinned

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestProgress gives a progress the output of go build -v in pieces. It checks that packages are counted, that
// other lines are kept, and what is shown.
func TestProgress(t *testing.T) {
	t.Parallel()

	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	g := &progress{start: start}

	want := func(after time.Duration, text string) {
		t.Helper()

		if got := g.at(start.Add(after)); got != text {
			t.Errorf("after %s: want %q, got %q", after, text, got)
		}
	}

	want(30*time.Second, "downloading its modules for 30s")

	g.packages = map[string]bool{"internal/cpu": true, "example.org/a": true, "example.org/a/b": true, "example.org/tool": true}

	want(time.Second, "0 of 4 packages in 1s")

	for _, piece := range []string{
		"internal/cpu\nexample.org/a", "\nexample.org/a/b\n# example.org/a/b\n", "a/b/b.go:7:2: undefined: x\n", "go: no newline at the end",
	} {
		if n, err := g.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Errorf("Write(%q) = %d, %v", piece, n, err)
		}
	}

	want(90*time.Second, "3 of 4 packages in 1m30s, at most 30s more")

	if got, want := g.errors(), "# example.org/a/b\na/b/b.go:7:2: undefined: x\ngo: no newline at the end"; got != want {
		t.Errorf("errors: want %q, got %q", want, got)
	}

	if _, err := g.Write([]byte("\nexample.org/tool\n")); err != nil {
		t.Error(err)
	}

	want(2*time.Minute, "4 of 4 packages in 2m0s")
}

// TestProgressOfBuild builds a program whose second package cannot be compiled, and then can. It checks that the
// error has the compiler's text and none of the packages, and that each package is counted.
func TestProgressOfBuild(t *testing.T) {
	t.Parallel()

	p := Program{Name: "tool", Dir: t.TempDir(), Package: "."}
	writeFile(t, p.Dir, "go.mod", "module example.org/tool\n\ngo 1.26.0\n")
	// The time makes the packages unknown to Go's build cache.
	writeFile(t, p.Dir, "main.go", "package main\n\nimport \"unsafe\"\n\nvar made = \""+time.Now().String()+"\"\n\nfunc main() { println(made, unsafe.Sizeof(undefined)) }\n")

	g := &progress{start: time.Now()}
	if err := p.compile(context.Background(), g, t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), "undefined: undefined") ||
		strings.Contains(err.Error(), "\nexample.org/tool\n") {
		t.Errorf("want the compiler's error alone, got %v", err)
	}

	writeFile(t, p.Dir, "main.go", "package main\n\nvar made = \""+time.Now().String()+"\"\n\nfunc main() { println(made) }\n")

	var out bytes.Buffer

	g = &progress{start: time.Now()}
	stop := g.show(&out, "tool", time.Millisecond)

	err := p.compile(context.Background(), g, filepath.Join(p.Dir, "bin"), "")

	stop()

	if err != nil || g.compiled == 0 || !g.packages["example.org/tool"] {
		t.Errorf("want the program's own package to be counted at least, got %d of %v, %v", g.compiled, g.packages, err)
	}

	if !strings.Contains(out.String(), "downloading its modules for ") || !strings.Contains(out.String(), " packages in ") {
		t.Errorf("want lines from before and after the packages were listed, got\n%s", out.String())
	}
}
