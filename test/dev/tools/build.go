package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/mod/module"
)

// A build makes one tool from its directory.
type build struct {
	tool

	name      string
	dir       string
	goVersion string
}

// run returns the cache's directory with the tool in it, building it if need be.
func (b build) run(ctx context.Context, out io.Writer) (string, error) {
	version, err := b.version()
	if err != nil {
		return "", fmt.Errorf("cannot tell its version: %w", err)
	}

	key, err := b.key(version)
	if err != nil {
		return "", err
	}

	title := b.title(version)
	start := time.Now()

	dir, cached, err := install(ctx, out, b.name, key, func(tmp string) error {
		fmt.Fprintf(out, "  %-52s building, which takes minutes\n", title)

		return b.compile(ctx, tmp, version)
	})
	if err != nil {
		return "", err
	}

	if cached {
		fmt.Fprintf(out, "  %-52s cached\n", title)
	} else {
		fmt.Fprintf(out, "  %-52s built in %s\n", title, time.Since(start).Round(time.Second))
	}

	return dir, nil
}

// version is the module's, as people and the stamps want it.
func (b build) version() (string, error) {
	if b.module == "" {
		return "", nil
	}

	gomod, err := os.ReadFile(filepath.Join(b.dir, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("cannot read its go.mod: %w", err)
	}

	version, err := requiredVersion(gomod, b.module)
	if err != nil || !b.timed {
		return version, err
	}

	t, err := module.PseudoVersionTime(version)
	if err != nil {
		return "", fmt.Errorf("cannot read the time in %q: %w", version, err)
	}

	return t.Format(time.RFC3339), nil
}

// title is what the progress lines call the tool.
func (b build) title(version string) string {
	t := b.label
	if t == "" {
		t = b.name
	}

	if !module.IsPseudoVersion(version) { // it would tell a person nothing
		t += " " + version
	}

	return strings.TrimSpace(t)
}

// args are the arguments of the go command, less the output file.
func (b build) args(version string) []string {
	var ldflags strings.Builder
	ldflags.WriteString("-s -w")

	for _, s := range b.stamps {
		ldflags.WriteString(" -X " + strings.ReplaceAll(s, "%s", version))
	}

	return []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=" + ldflags.String()}
}

// key names the cache entry: two builds have the same one only if they would
// make the same binary.
func (b build) key(version string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, b.goVersion, runtime.GOOS, runtime.GOARCH, b.pkg, b.links, b.args(version))

	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		data, err := os.ReadFile(filepath.Join(b.dir, name))
		if err != nil && !os.IsNotExist(err) {
			return "", fmt.Errorf("cannot read %s: %w", name, err)
		}

		fmt.Fprintln(h, name, len(data))
		h.Write(data)
	}

	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// compile builds the tool into dir, and links its other names to it.
func (b build) compile(ctx context.Context, dir, version string) error {
	args := append(b.args(version), "-o", filepath.Join(dir, b.name), b.pkg)
	if output, err := goCommand(ctx, b.dir, args...).CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted: %w", ctx.Err())
		}

		return fmt.Errorf("go build: %w\n%s", err, output)
	}

	for _, l := range b.links {
		if err := os.Symlink(b.name, filepath.Join(dir, l)); err != nil {
			return fmt.Errorf("cannot link %s: %w", l, err)
		}
	}

	return nil
}
