package pinned

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progressInterval is the time between the lines that show how far a build is.
const progressInterval = 30 * time.Second

// progress counts the packages that a build compiles. It is the output of go build -v, which prints the import
// path of each package as it compiles it.
type progress struct {
	start time.Time

	mu sync.Mutex
	// packages are the import paths of all packages of the program, nil before they are known. Those in Go's
	// build cache are not compiled.
	packages map[string]bool
	compiled int
	// line is the beginning of a line whose end was not written yet; other holds the lines that name no package.
	line, other bytes.Buffer
}

// list lists the packages of a program. It downloads the program's modules if need be.
func (g *progress) list(ctx context.Context, p Program) error {
	b, err := goCommand(ctx, p.Dir, "list", "-deps", p.Package).Output()
	if err != nil {
		return fmt.Errorf("go list: %w", withStderr(err))
	}

	packages := map[string]bool{}
	for path := range strings.Lines(string(b)) {
		packages[strings.TrimSpace(path)] = true
	}

	g.mu.Lock()
	defer g.mu.Unlock()

	g.packages, g.start = packages, time.Now()

	return nil
}

// Write counts the packages in the output of go build.
func (g *progress) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()

	for part := range bytes.Lines(b) {
		g.line.Write(part)

		if !bytes.HasSuffix(part, []byte("\n")) {
			break
		}

		if g.packages[strings.TrimSpace(g.line.String())] {
			g.compiled++
		} else {
			g.other.Write(g.line.Bytes())
		}

		g.line.Reset()
	}

	return len(b), nil
}

// errors returns the output of go build without the packages.
func (g *progress) errors() string {
	g.mu.Lock()
	defer g.mu.Unlock()

	return g.other.String() + g.line.String()
}

// at says how far the build is at a time, and how long the rest takes at the same speed.
func (g *progress) at(now time.Time) string {
	g.mu.Lock()
	defer g.mu.Unlock()

	elapsed := now.Sub(g.start)
	if g.packages == nil {
		return fmt.Sprintf("downloading its modules for %s", elapsed.Round(time.Second))
	}

	text := fmt.Sprintf("%d of %d packages in %s", g.compiled, len(g.packages), elapsed.Round(time.Second))

	if rest := len(g.packages) - g.compiled; g.compiled > 0 && rest > 0 {
		left := time.Duration(float64(elapsed) / float64(g.compiled) * float64(rest))
		text += fmt.Sprintf(", at most %s more", left.Round(10*time.Second))
	}

	return text
}

// show writes a line to out in every interval, until stop is called.
func (g *progress) show(out io.Writer, title string, interval time.Duration) (stop func()) {
	done := make(chan struct{})

	var wg sync.WaitGroup

	wg.Go(func() {
		t := time.NewTicker(interval)
		defer t.Stop()

		for {
			select {
			case <-done:
				return
			case now := <-t.C:
				fmt.Fprintf(out, "  %-*s %s\n", TitleWidth, title, g.at(now))
			}
		}
	})

	return func() {
		close(done)
		wg.Wait()
	}
}
