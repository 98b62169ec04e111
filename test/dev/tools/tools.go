// Package tools builds the programs of others that developing and testing
// Cistern takes: Kubernetes, Crossplane, MinIO, the linter and so on.
//
// Each one has a directory here with a go.mod of its own, so that it is pinned
// together with everything it links, and none changes what another, or Cistern
// itself, is built from. The binaries go to a cache outside the clone.
package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
)

// A tool is one module in a directory beside this file.
type tool struct {
	// pkg is the package to build: "." for a main.go of our own.
	pkg string
	// module is the one whose version is the tool's. None: the tool is our own.
	module string
	// label is what a person reads instead of the name.
	label string
	// stamps are -X linker flags; %s is the version, or its time with timed.
	stamps []string
	// timed is for a module without releases, whose version is a commit's time.
	timed bool
	// links are the other names that the program goes by.
	links []string
}

var all = map[string]tool{
	"angryjet": {
		pkg:    "github.com/crossplane/crossplane-tools/cmd/angryjet",
		module: "github.com/crossplane/crossplane-tools",
	},
	"coredns": {pkg: ".", module: "github.com/coredns/coredns", label: "CoreDNS"},
	"crd-ref-docs": {
		pkg:    "github.com/elastic/crd-ref-docs",
		module: "github.com/elastic/crd-ref-docs",
	},
	"crossplane": {
		pkg:    "github.com/crossplane/crossplane/v2/cmd/crossplane",
		module: "github.com/crossplane/crossplane/v2",
		label:  "Crossplane",
		// Crossplane checks the version constraints of packages against this one.
		stamps: []string{"github.com/crossplane/crossplane-runtime/v2/pkg/version.version=%s"},
	},
	"glauth": {
		pkg:    "github.com/glauth/glauth/v2",
		module: "github.com/glauth/glauth/v2",
		label:  "GLAuth (an LDAP server)",
	},
	"golangci-lint": {
		pkg:    "github.com/golangci/golangci-lint/v2/cmd/golangci-lint",
		module: "github.com/golangci/golangci-lint/v2",
		stamps: []string{"main.version=%s"},
	},
	"helm": {
		pkg:    "helm.sh/helm/v3/cmd/helm",
		module: "helm.sh/helm/v3",
		label:  "Helm",
		stamps: []string{"helm.sh/helm/v3/internal/version.version=%s"},
	},
	"kube": {
		pkg:    ".",
		module: "k8s.io/kubernetes",
		label:  "Kubernetes, with etcd and kubectl,",
		stamps: []string{"k8s.io/component-base/version.gitVersion=%s"},
		links:  []string{"kubectl"},
	},
	"minio": {
		pkg:    "github.com/minio/minio",
		module: "github.com/minio/minio",
		label:  "MinIO",
		timed:  true,
		// Clients take the age of the server's features from this.
		stamps: []string{"github.com/minio/minio/cmd.Version=%s"},
	},
	"pause": {pkg: ".", label: "pause (the pods' first process)"},
	"xpkg":  {pkg: ".", module: "github.com/crossplane/crossplane-runtime/v2", label: "xpkg (package builder)"},
}

// Names returns the names that Build knows, sorted.
func Names() []string {
	names := slices.Collect(maps.Keys(all))
	for _, t := range all {
		names = append(names, t.links...)
	}

	slices.Sort(names)

	return names
}

// Build returns the path of each named program, after building those that are
// not in the cache. It writes one line on each to out, and two on one that has
// to be built: the first build of everything takes many minutes.
//
// Several processes may build at once; one that is interrupted leaves nothing
// that a later one would mistake for a program.
func Build(ctx context.Context, out io.Writer, names ...string) (map[string]string, error) {
	repo, err := RepoDir()
	if err != nil {
		return nil, err
	}

	goVersion, err := goVersion(ctx)
	if err != nil {
		return nil, err
	}

	paths := make(map[string]string, len(names))
	for _, name := range names {
		owner, ok := owner(name)
		if !ok {
			return nil, fmt.Errorf("cannot build %q: it is none of %s", name, strings.Join(Names(), ", "))
		}

		if _, done := paths[owner]; !done {
			b := build{name: owner, tool: all[owner], dir: filepath.Join(repo, "test", "dev", "tools", owner), goVersion: goVersion}

			dir, err := b.run(ctx, out)
			if err != nil {
				return nil, fmt.Errorf("cannot build %s: %w", owner, err)
			}

			paths[owner] = filepath.Join(dir, owner)
		}

		paths[name] = filepath.Join(filepath.Dir(paths[owner]), name)
	}

	return paths, nil
}

// owner returns the tool that provides a program.
func owner(name string) (string, bool) {
	if _, ok := all[name]; ok {
		return name, true
	}

	for n, t := range all {
		if slices.Contains(t.links, name) {
			return n, true
		}
	}

	return "", false
}

// ModuleDir returns the directory of the module that a tool is built from,
// downloaded if need be: charts and manifests are in it.
func ModuleDir(ctx context.Context, name string) (string, error) {
	repo, err := RepoDir()
	if err != nil {
		return "", err
	}
	// download does nothing when the module is there, and list prints no directory when it is not.
	dir := filepath.Join(repo, "test", "dev", "tools", name)
	if _, err := goCommand(ctx, dir, "mod", "download", all[name].module).Output(); err != nil {
		return "", fmt.Errorf("cannot download the module of %s: %w", name, withStderr(err))
	}

	b, err := goCommand(ctx, dir, "list", "-m", "-f", "{{.Dir}}", all[name].module).Output()
	if err != nil {
		return "", fmt.Errorf("cannot find the module of %s: %w", name, withStderr(err))
	}

	return strings.TrimSpace(string(b)), nil
}

// Version returns the version of the module that a tool is built from.
func Version(name string) (string, error) {
	repo, err := RepoDir()
	if err != nil {
		return "", err
	}

	b, err := os.ReadFile(filepath.Join(repo, "test", "dev", "tools", name, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("cannot read the version of %s: %w", name, err)
	}

	return requiredVersion(b, all[name].module)
}

// requiredVersion finds the version of a module in the text of a go.mod.
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

	return "", fmt.Errorf("go.mod requires no %s", module)
}

// RepoDir returns the root of the clone that the current directory is in.
func RepoDir() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("cannot find the clone: %w", err)
	}

	for dir := start; ; dir = filepath.Dir(dir) {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modfile.ModulePath(b) == "github.com/cistern-dev/cistern" {
			return dir, nil
		}

		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("cannot find the clone: %w", err)
		}

		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside a clone of Cistern", start)
		}
	}
}

// goCommand is the go command in a tool's directory, deaf to the flags and the
// workspace that the caller may have set for their own work.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir

	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	// An interrupt lets go build remove its temporary files.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second

	return cmd
}

func goVersion(ctx context.Context) (string, error) {
	b, err := goCommand(ctx, "", "env", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("cannot run go: %w", withStderr(err))
	}

	return string(bytes.TrimSpace(b)), nil
}

// withStderr adds what a failed command wrote to the error that Output returns.
func withStderr(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}

	return err
}
