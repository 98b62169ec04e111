// Package build makes Cistern's Crossplane packages from this clone: it
// compiles the programs, puts them into images from scratch, and the images
// with the package's manifests into package files. The same sources give the
// same digests, wherever and whenever they are built.
package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/cistern-dev/cistern/package/image"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

const (
	// Organization is the repository path that all packages share.
	Organization = "cistern-dev"
	// DefaultRegistry is the registry that the manifests in this directory name.
	DefaultRegistry = "ghcr.io"
	// DefaultVersion is a version that is no release: each build of other
	// content gets a tag of its own.
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
	// PushRegistry is the same registry as this machine reaches it. Empty: the
	// packages are built, but not pushed.
	PushRegistry string
	// Version of the packages, a semantic version; default DefaultVersion. One
	// that ends in -dev is followed by a hash of the package's content.
	Version string
	// Extras says that provider-minio-extras is built too.
	Extras bool
	// Composition is the file of the Composition that the Configuration carries;
	// default its own, package/configuration/composition.yaml.
	Composition string
	// Progress is where to tell of each package.
	Progress io.Writer
}

// Package is one that was built.
type Package struct {
	// Name, such as provider-minio.
	Name string
	// Kind of the package, such as Provider.
	Kind string
	// File on this machine.
	File string
	// Reference to install it by.
	Reference string
	// Digest of the package's manifest.
	Digest string
	// Optional packages are no dependency of the Configuration.
	Optional bool
}

// source says what a package is made of.
type source struct {
	kind, name, dir string
	// main is the package of the program; empty if the package runs nothing.
	main string
	tags string
	// optional packages are built, and installed, if they are asked for.
	optional bool
}

// sources in the order in which they are to be upgraded. The Configuration, which
// depends on the others, is the last.
var sources = []source{
	// fips makes madmin encrypt requests with PBKDF2, not with Argon2 under one
	// lock: a tenth of the time, and no queue.
	{kind: "Provider", name: "provider-minio", dir: "package/provider", main: "./provider", tags: "fips"},
	{kind: "Provider", name: "provider-minio-extras", dir: "package/extras", main: "./provider/extras", tags: "fips", optional: true},
	{kind: "Function", name: "function-bucket", dir: "package/function", main: "./fn"},
	{kind: "Configuration", name: "configuration-bucket", dir: "package/configuration"},
}

// Packages builds all packages, pushes them if a registry is given, and returns
// them in the order in which they are to be upgraded.
func Packages(ctx context.Context, o Options) ([]Package, error) {
	return packages(ctx, o, sources)
}

// Configuration builds the Configuration only, as Packages does: with another
// Composition there is nothing else to build.
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

	paths, err := tools.Build(ctx, o.Progress, "xpkg")
	if err != nil {
		return nil, err
	}

	built := make([]Package, 0, len(which))

	for _, s := range which {
		if s.optional && !o.Extras {
			continue
		}

		start := time.Now()

		p, err := build(ctx, paths["xpkg"], s, o)
		if err != nil {
			return nil, fmt.Errorf("cannot build %s: %w", s.name, err)
		}

		built = append(built, p)

		fmt.Fprintf(o.Progress, "  %-22s %s %6.1fs\n", s.name, p.Digest, time.Since(start).Seconds())
	}

	return built, nil
}

func build(ctx context.Context, xpkg string, s source, o Options) (Package, error) {
	p := Package{
		Name: s.name,
		Kind: s.kind,
		File: filepath.Join(o.Output, s.name+".xpkg"),

		Optional: s.optional,
	}

	root, err := stage(s, o)
	if err != nil {
		return p, err
	}

	args := []string{"--package-root", root, "--output", p.File}

	var program string

	if s.main != "" {
		program, err = compile(ctx, s, o)
		if err != nil {
			return p, err
		}

		tarball, err := runtimeImage(program, s.name, o.Output)
		if err != nil {
			return p, err
		}

		args = append(args, "--runtime-image", tarball)
	}

	tag, err := version(o.Version, root, program)
	if err != nil {
		return p, err
	}

	repository := Organization + "/" + s.name
	p.Reference = o.Registry + "/" + repository + ":" + tag

	if o.PushRegistry != "" {
		args = append(args, "--push", o.PushRegistry+"/"+repository+":"+tag)
	}

	p.Digest, err = run(ctx, o.Repo, xpkg, args...)

	return p, err
}

// compile builds a package's program for this machine's architecture.
func compile(ctx context.Context, s source, o Options) (string, error) {
	out := filepath.Join(o.Output, s.name)
	_, err := run(ctx, o.Repo, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-tags="+s.tags, "-o", out, s.main)

	return out, err
}

// runtimeImage puts a program into an image from scratch: there is nothing else
// in it, neither a shell nor certificates nor a root user.
func runtimeImage(program, name, dir string) (string, error) {
	img, err := image.Build(image.Config{
		Entrypoint: []string{"/" + name},
		User:       image.NonRoot,
		Files:      map[string]string{"/" + name: program},
		Labels: map[string]string{
			"org.opencontainers.image.source": "https://github.com/cistern-dev/cistern",
			"org.opencontainers.image.title":  name,
		},
	})
	if err != nil {
		return "", err
	}

	file := filepath.Join(dir, name+".tar")

	return file, image.WriteTarball(file, img)
}

// stage copies a package's manifests and puts in where its dependencies are, and
// for a release which version of them is the least to do.
func stage(s source, o Options) (string, error) {
	from, to := filepath.Join(o.Repo, s.dir), filepath.Join(o.Output, "stage", s.name)
	if err := os.RemoveAll(to); err != nil {
		return "", err
	}

	replace := []string{DefaultRegistry + "/" + Organization, o.Registry + "/" + Organization}
	if !strings.HasSuffix(o.Version, "-dev") {
		replace = append(replace, `">=v0.1.0-0"`, `">=`+o.Version+`"`)
	}

	for _, d := range sources {
		replace = append(replace, "name: "+InstalledName(DefaultRegistry, d.name), "name: "+InstalledName(o.Registry, d.name))
	}

	replacer := strings.NewReplacer(replace...)

	return to, filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}

		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}

		if rel == "composition.yaml" && o.Composition != "" {
			path = o.Composition
		}

		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}

		dst := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(dst), 0o750); err != nil {
			return err
		}

		return os.WriteFile(dst, []byte(replacer.Replace(string(b))), 0o600)
	})
}

// InstalledName returns the name that Crossplane gives to a package of a registry
// which it installs as a dependency: that of its repository, without the
// registry's host.
func InstalledName(registry, name string) string {
	_, path, _ := strings.Cut(registry, "/")

	return strings.ReplaceAll(strings.Trim(path+"/"+Organization+"/"+name, "/"), "/", "-")
}

// version returns the tag of a package. Packages that are no release are told
// apart by a hash of what is in them, so that a cluster notices another one.
func version(v, root, program string) (string, error) {
	if !strings.HasSuffix(v, "-dev") {
		return v, nil
	}

	h := sha256.New()

	add := func(path string) error {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}

		_, err = fmt.Fprintf(h, "%d\n%s", len(b), b)

		return err
	}

	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}

		return add(path)
	})
	if err == nil && program != "" {
		err = add(program)
	}

	return v + "-" + hex.EncodeToString(h.Sum(nil))[:12], err
}

// run runs a command and returns what it printed, trimmed.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer

	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)

	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, stderr.String())
	}

	return strings.TrimSpace(stdout.String()), nil
}
