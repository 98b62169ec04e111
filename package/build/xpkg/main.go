// Command xpkg builds a Crossplane package and pushes it, with the library that
// the Crossplane CLI uses: the digest is the one that the CLI would make.
//
// The digest is printed on standard output.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/alecthomas/kong"
	"github.com/crossplane/crossplane-runtime/v2/pkg/xpkg"
	"github.com/crossplane/crossplane-runtime/v2/pkg/xpkg/parser"
	"github.com/crossplane/crossplane-runtime/v2/pkg/xpkg/parser/examples"
	"github.com/crossplane/crossplane-runtime/v2/pkg/xpkg/parser/yaml"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/spf13/afero"
)

type cli struct {
	PackageRoot  string   `help:"Directory of crossplane.yaml, with what the package holds below it." required:"" type:"existingdir"`
	RuntimeImage string   `help:"Tarball of the image that runs the package: a provider's or a function's." type:"existingfile"`
	Output       string   `help:"Package file to write." required:"" type:"path"`
	Push         []string `help:"Reference to push the package to, such as ghcr.io/org/name:v1.2.3. May be repeated." placeholder:"REF"`
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("xpkg"), kong.Description("Build a Crossplane package, and push it."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	digest, err := c.run(ctx)
	k.FatalIfErrorf(err)
	fmt.Println(digest)
}

func (c *cli) run(ctx context.Context) (string, error) {
	img, err := build(ctx, c.PackageRoot, c.RuntimeImage)
	if err != nil {
		return "", fmt.Errorf("cannot build the package %q: %w", c.PackageRoot, err)
	}
	if err := tarball.WriteToFile(c.Output, nil, img); err != nil {
		return "", fmt.Errorf("cannot write %q: %w", c.Output, err)
	}
	for _, ref := range c.Push {
		tag, err := name.NewTag(ref, name.StrictValidation)
		if err != nil {
			return "", fmt.Errorf("cannot push to %q: %w", ref, err)
		}
		if err := remote.Write(tag, img, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
			return "", fmt.Errorf("cannot push to %q: %w", ref, err)
		}
	}
	digest, err := img.Digest()
	if err != nil {
		return "", fmt.Errorf("cannot compute the digest of %q: %w", c.PackageRoot, err)
	}
	return digest.String(), nil
}

// build does what `crossplane xpkg build` does: it parses the package's YAML,
// lints it, and puts it as one layer on top of the runtime image.
func build(ctx context.Context, root, runtimeImage string) (v1.Image, error) {
	metaScheme, err := yaml.New()
	if err != nil {
		return nil, fmt.Errorf("cannot make a package parser: %w", err)
	}
	filters := parser.FsFilters(parser.SkipDirs(), parser.SkipNotYAML(), parser.SkipEmpty())
	examplesDir := filepath.Join(root, "examples")
	b := xpkg.New(
		parser.NewFsBackend(afero.NewOsFs(), parser.FsDir(root), filters, parser.FsFilters(parser.SkipPath(filepath.Join(examplesDir, "*")))),
		parser.NewFsBackend(afero.NewOsFs(), parser.FsDir(examplesDir), filters),
		metaScheme, examples.New())
	var opts []xpkg.BuildOpt
	if runtimeImage != "" {
		base, err := tarball.ImageFromPath(runtimeImage, nil)
		if err != nil {
			return nil, fmt.Errorf("cannot read the runtime image %q: %w", runtimeImage, err)
		}
		opts = append(opts, xpkg.WithBase(base))
	}
	img, _, err := b.Build(ctx, opts...)
	if err != nil {
		return nil, err
	}
	return xpkg.AnnotateLayers(img)
}
