// Package pinned builds third-party programs from Go modules that pin them.
//
// Each program has a directory with a go.mod of its own, so that everything it
// links is pinned with it, and no program changes what another one, or Cistern
// itself, is built from. The binaries go to a cache outside the clone.
package pinned

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

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// TitleWidth is the width of the column that a program's title has in progress
// lines, in characters.
const TitleWidth = 52

// Program is a program to build from a module of its own.
type Program struct {
	// Name is the file name of the binary, and of the program's entry in the cache.
	Name string
	// Dir is the directory of the program's go.mod.
	Dir string
	// Package is the package to build: an import path of the module, or "." for
	// a main.go in Dir.
	Package string
	// Module is the required module whose version is the program's. Empty for a
	// program without a version.
	Module string
	// Label replaces Name in progress lines.
	Label string
	// Stamps are values for the linker's -X flag. In each, %s stands for the
	// version, or for its time if Timed is set.
	Stamps []string
	// Tags are build tags, such as those that leave parts out.
	Tags []string
	// Timed is set for a module without releases: the time of its commit is
	// used as its version.
	Timed bool
	// Links are further names of the binary, made as symbolic links beside it.
	Links []string
}

// Build returns the directory with the binary and its links. A program that is
// not in the cache is built first, which may take minutes. It writes one line to
// out, and before it, if the program has to be built, one at once and one per half
// minute, which says how far the build is.
//
// Several processes may build at once; one that is interrupted leaves nothing
// that a later one would take for a program.
func (p Program) Build(ctx context.Context, out io.Writer) (string, error) {
	version, key, err := p.identity()
	if err != nil {
		return "", err
	}

	title := p.title(version)
	start := time.Now()

	dir, cached, err := Cached(ctx, out, p.Name, key, func(dir string) error {
		fmt.Fprintf(out, "  %-*s building, which takes minutes\n", TitleWidth, title)

		g := &progress{start: start}
		defer g.show(out, title, progressInterval)()

		return p.compile(ctx, g, dir, version)
	})
	if err != nil {
		return "", err
	}

	if cached {
		fmt.Fprintf(out, "  %-*s cached\n", TitleWidth, title)
	} else {
		fmt.Fprintf(out, "  %-*s built in %s\n", TitleWidth, title, time.Since(start).Round(time.Second))
	}

	return dir, nil
}

// Missing reports whether the program is not in the cache, and returns its title in progress lines.
func (p Program) Missing() (title string, missing bool, err error) {
	version, key, err := p.identity()
	if err != nil {
		return "", false, err
	}

	dir, err := entryDir(p.Name, key)
	if err != nil {
		return "", false, err
	}

	_, err = os.Stat(dir)

	return p.title(version), os.IsNotExist(err), nil
}

// Key returns the key of the program's entry in the cache.
func (p Program) Key() (string, error) {
	_, key, err := p.identity()

	return key, err
}

// identity returns the version for stamps and titles, and the key of the cache's entry.
func (p Program) identity() (version, key string, err error) {
	goVersion, err := goVersion()
	if err != nil {
		return "", "", err
	}

	if version, err = p.stampedVersion(); err != nil {
		return "", "", fmt.Errorf("cannot find the version of %s: %w", p.Name, err)
	}

	key, err = p.key(goVersion, version)

	return version, key, err
}

// Version returns the version of Module that the program's go.mod requires.
func (p Program) Version() (string, error) {
	gomod, err := os.ReadFile(filepath.Join(p.Dir, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("cannot read the go.mod of %s: %w", p.Name, err)
	}

	return requiredVersion(gomod, p.Module)
}

// ModuleDir returns the directory of Module, for the files in it that are not
// Go, such as charts and manifests. It downloads the module if need be.
func (p Program) ModuleDir(ctx context.Context) (string, error) {
	// "go list" prints no directory for a module that was not downloaded.
	if _, err := goCommand(ctx, p.Dir, "mod", "download", p.Module).Output(); err != nil {
		return "", fmt.Errorf("cannot download the module of %s: %w", p.Name, withStderr(err))
	}

	b, err := goCommand(ctx, p.Dir, "list", "-m", "-f", "{{.Dir}}", p.Module).Output()
	if err != nil {
		return "", fmt.Errorf("cannot find the module of %s: %w", p.Name, withStderr(err))
	}

	return strings.TrimSpace(string(b)), nil
}

// Check returns an error if the program's version cannot be read, or its title is
// wider than TitleWidth. Tests of lists of programs call it.
func (p Program) Check() error {
	version, err := p.stampedVersion()
	if err != nil {
		return err
	}

	if title := p.title(version); len(title) > TitleWidth {
		return fmt.Errorf("title %q is longer than %d characters", title, TitleWidth)
	}

	return nil
}

// stampedVersion returns the version for stamps and titles; empty if the program
// has none.
func (p Program) stampedVersion() (string, error) {
	if p.Module == "" {
		return "", nil
	}

	version, err := p.Version()
	if err != nil || !p.Timed {
		return version, err
	}

	t, err := module.PseudoVersionTime(version)
	if err != nil {
		return "", fmt.Errorf("cannot read the time in %q: %w", version, err)
	}

	return t.Format(time.RFC3339), nil
}

// title returns the program's title in progress lines.
func (p Program) title(version string) string {
	t := p.Label
	if t == "" {
		t = p.Name
	}

	if !module.IsPseudoVersion(version) { // a pseudo-version means nothing to a person
		t += " " + version
	}

	return strings.TrimSpace(t)
}

// args returns the arguments of the go command, without the output file and the
// package.
func (p Program) args(version string) []string {
	var ldflags strings.Builder
	ldflags.WriteString("-s -w")

	for _, s := range p.Stamps {
		ldflags.WriteString(" -X " + strings.ReplaceAll(s, "%s", version))
	}

	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=" + ldflags.String()}
	if len(p.Tags) > 0 {
		args = append(args, "-tags="+strings.Join(p.Tags, ","))
	}

	return args
}

// key returns the key of the program's cache entry: a hash of everything that
// the binary is made from.
func (p Program) key(goVersion, version string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, goVersion, runtime.GOOS, runtime.GOARCH, p.Package, p.Links, p.args(version))

	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		data, err := os.ReadFile(filepath.Join(p.Dir, name))
		if err != nil && !os.IsNotExist(err) {
			return "", fmt.Errorf("cannot read %s: %w", name, err)
		}

		fmt.Fprintln(h, name, len(data))
		h.Write(data)
	}

	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// compile builds the program into dir, and makes its links.
func (p Program) compile(ctx context.Context, g *progress, dir, version string) error {
	err := g.list(ctx, p)
	if err == nil {
		cmd := goCommand(ctx, p.Dir, append(p.args(version), "-v", "-o", filepath.Join(dir, p.Name), p.Package)...)
		cmd.Stdout, cmd.Stderr = g, g

		if err = cmd.Run(); err != nil {
			err = fmt.Errorf("go build: %w\n%s", err, g.errors())
		}
	}

	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}

	if err != nil {
		return err
	}

	for _, l := range p.Links {
		if err := os.Symlink(p.Name, filepath.Join(dir, l)); err != nil {
			return fmt.Errorf("cannot link %s: %w", l, err)
		}
	}

	return nil
}

// requiredVersion returns the version of a module that the text of a go.mod
// requires.
func requiredVersion(gomod []byte, module string) (string, error) {
	f, err := modfile.ParseLax("go.mod", gomod, nil)
	if err != nil {
		return "", fmt.Errorf("cannot parse go.mod: %w", err)
	}

	for _, r := range f.Require {
		if r.Mod.Path == module {
			return r.Mod.Version, nil
		}
	}

	return "", fmt.Errorf("go.mod does not require %s", module)
}
