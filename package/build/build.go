// Package build makes Cistern's Crossplane packages from this clone. It compiles
// the programs, puts each into an image that holds nothing else, and writes the
// image with the package's manifests to a package file. The same sources give
// the same digests, wherever and whenever they are built.
package build

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cistern-dev/cistern/package/advisories"
	"github.com/cistern-dev/cistern/package/image"
)

const (
	// Source is the address of the source code.
	Source = "https://github.com/cistern-dev/cistern"
	// Organization is the part of the repository path that all packages share.
	Organization = "cistern-dev"
	// DefaultRegistry is the registry that the manifests in this directory name.
	DefaultRegistry = "ghcr.io"
	// DefaultVersion is a development version: each content gets a tag of its own.
	DefaultVersion = "v0.1.0-dev"
)

// Options of Packages.
type Options struct {
	// Repo is the root of the clone.
	Repo string
	// Output is the directory for programs and package files.
	Output string
	// Registry is where clusters pull the packages from; default DefaultRegistry.
	Registry string
	// PushRegistry is the address at which this machine reaches the same registry.
	// If it is empty, the packages are built but not pushed.
	PushRegistry string
	// Version of the packages, a semantic version; default DefaultVersion. A hash
	// of the package's content is added to a version that ends in -dev.
	Version string
	// Architecture is Go's name of the processor that the programs are for; default
	// this machine's.
	Architecture string
	// Extras adds the optional packages: provider-minio-extras.
	Extras bool
	// Only limits the packages to those of these names; default all.
	Only []string
	// Composition is the file of the Composition in the Configuration; default
	// package/configuration/composition.yaml.
	Composition string
	// Progress gets a line for each package.
	Progress io.Writer
}

// Package is a Crossplane package that was built.
type Package struct {
	// Name is the last part of its repository, such as provider-minio.
	Name string
	// Kind is the kind of object that installs it, such as Provider.
	Kind string
	// File is the package file on this machine.
	File string
	// Reference is the image reference to install it from, with a tag.
	Reference string
	// Digest is the digest of the package's manifest.
	Digest string
	// Program is the package's program on this machine; empty if it runs nothing.
	Program string
	// Optional packages are not dependencies of the Configuration.
	Optional bool
}

// source describes what a package is made of.
type source struct {
	kind, name string
	// dir holds the package's manifests.
	dir string
	// main is the Go package of the program; empty if the package runs nothing.
	main string
	// tags are the program's build tags.
	tags string
	// examples are patterns of the examples that the package carries, below examples.
	examples []string
	// optional packages are built only with Options.Extras.
	optional bool
}

// sources are in the order in which packages are upgraded: the Configuration,
// which depends on the others, is last.
var sources = []source{
	// With the tag fips, madmin encrypts requests with PBKDF2 instead of Argon2
	// under one lock: a tenth of the time, and no queue.
	{
		kind: "Provider", name: "provider-minio", dir: "package/provider", main: "./provider", tags: "fips",
		examples: []string{"minio/*.yaml", "platform/clusterproviderconfig.yaml"},
	},
	{
		kind: "Provider", name: "provider-minio-extras", dir: "package/extras", main: "./provider/extras", tags: "fips", optional: true,
		examples: []string{"extras/*.yaml"},
	},
	{
		kind: "Function", name: "function-bucket", dir: "package/function", main: "./fn",
		examples: []string{"platform/composition-*.yaml"},
	},
	{
		kind: "Configuration", name: "configuration-bucket", dir: "package/configuration",
		examples: []string{"claim/*.yaml", "platform/tenant-role.yaml"},
	},
}

// Packages builds all packages, pushes them if PushRegistry is set, and returns
// them in the order in which to upgrade them.
func Packages(ctx context.Context, o Options) ([]Package, error) {
	return packages(ctx, o, sources)
}

// Configuration builds and pushes the Configuration alone, as Packages does: with
// another Composition, no other package changes.
func Configuration(ctx context.Context, o Options) (Package, error) {
	pkgs, err := packages(ctx, o, sources[len(sources)-1:])
	if err != nil {
		return Package{}, err
	}

	return pkgs[0], nil
}

func packages(ctx context.Context, o Options, which []source) ([]Package, error) {
	if o.Registry == "" {
		o.Registry = DefaultRegistry
	}

	if o.Version == "" {
		o.Version = DefaultVersion
	}

	o.Architecture = cmp.Or(o.Architecture, runtime.GOARCH)

	xpkg := xpkgProgram(o.Repo)

	dir, err := xpkg.Build(ctx, o.Progress)
	if err != nil {
		return nil, fmt.Errorf("cannot build %s: %w", xpkg.Name, err)
	}

	built := make([]Package, 0, len(which))

	for _, s := range which {
		if s.optional && !o.Extras || len(o.Only) > 0 && !slices.Contains(o.Only, s.name) {
			continue
		}

		start := time.Now()

		p, err := build(ctx, filepath.Join(dir, xpkg.Name), s, o)
		if err != nil {
			return nil, fmt.Errorf("cannot build %s: %w", s.name, err)
		}

		built = append(built, p)

		fmt.Fprintf(o.Progress, "  %-22s %s %6.1fs\n", s.name, p.Digest, time.Since(start).Seconds())
	}

	return built, nil
}

// build builds one package with the program xpkg, and pushes it.
func build(ctx context.Context, xpkg string, s source, o Options) (Package, error) {
	p := Package{
		Name:     s.name,
		Kind:     s.kind,
		File:     filepath.Join(o.Output, s.name+".xpkg"),
		Optional: s.optional,
	}

	root, err := stage(s, o)
	if err != nil {
		return p, err
	}

	args := []string{"--package-root", root, "--output", p.File}

	if s.main != "" {
		p.Program, err = compile(ctx, s, o)
		if err != nil {
			return p, err
		}

		tarball, err := runtimeImage(p.Program, s.name, o)
		if err != nil {
			return p, err
		}

		args = append(args, "--runtime-image", tarball)
	}

	tag, err := version(o.Version, root, p.Program)
	if err != nil {
		return p, err
	}

	repository := Organization + "/" + s.name
	p.Reference = o.Registry + "/" + repository + ":" + tag

	if o.PushRegistry != "" {
		args = append(args, "--push", o.PushRegistry+"/"+repository+":"+tag)
	}

	p.Digest, err = run(ctx, o, xpkg, args...)

	return p, err
}

// compile builds a package's program for the options' architecture. One of modules
// with known holes is an error.
func compile(ctx context.Context, s source, o Options) (string, error) {
	out := filepath.Join(o.Output, s.name)
	_, err := run(ctx, o, "go", "build",
		"-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-tags="+s.tags, "-o", out, s.main)
	if err != nil {
		return "", err
	}

	return out, advisories.CheckProgram(out)
}

// runtimeImage writes an image that holds the program and nothing else: no shell,
// no certificates, no root user. It returns the image's file.
func runtimeImage(program, name string, o Options) (string, error) {
	img, err := image.Build(image.Config{
		Entrypoint:   []string{"/" + name},
		User:         image.NonRoot,
		Files:        map[string]string{"/" + name: program},
		Architecture: o.Architecture,
		Labels: map[string]string{
			"org.opencontainers.image.source": Source,
			"org.opencontainers.image.title":  name,
		},
	})
	if err != nil {
		return "", err
	}

	file := filepath.Join(o.Output, name+".tar")

	return file, image.WriteTarball(file, img)
}

// InstalledName returns the name that Crossplane gives to a package that it
// installs from a registry as a dependency: the name of its repository without
// the registry's host.
func InstalledName(registry, name string) string {
	_, path, _ := strings.Cut(registry, "/")

	return strings.ReplaceAll(strings.Trim(path+"/"+Organization+"/"+name, "/"), "/", "-")
}

// run returns the trimmed standard output of a command that works for the options'
// architecture.
func run(ctx context.Context, o Options, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer

	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = o.Repo, &stdout, &stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+o.Architecture)

	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, stderr.String())
	}

	return strings.TrimSpace(stdout.String()), nil
}
