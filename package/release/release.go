// Package release makes releases of Cistern's packages: for each package one OCI index
// of the images of all architectures, a list of the contents of each image, a statement
// about the provenance of the index, and signatures. The same commit gives the same
// digests, except for signatures, which hold a random number and a time.
package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/mod/semver"
	"sigs.k8s.io/yaml"

	"github.com/cistern-dev/cistern/package/build"
)

// Source is the address of the source code.
const Source = "https://github.com/cistern-dev/cistern"

const (
	maintainer = "The Cistern authors"
	// refName is the annotation of OCI's layouts that holds a tag.
	refName = "org.opencontainers.image.ref.name"
	title   = "org.opencontainers.image.title"
)

// Architectures are the processors that releases are for, by Go's names.
var Architectures = []string{"amd64", "arm64"}

// fullCommit matches the full hash of a commit.
var fullCommit = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Options of Make.
type Options struct {
	// Repo is the root of the clone, in which nothing differs from Commit.
	Repo string
	// Output is the directory for programs, package files and layouts.
	Output string
	// Registry is where clusters pull the packages from; default build.DefaultRegistry.
	Registry string
	// Version of the release, such as v1.2.3. One that ends in -dev is an error.
	Version string
	// Commit is the full hash of the commit that is released.
	Commit string
	// Time of the commit, which the lists of contents give as their own.
	Time time.Time
	// Architectures are the processors to build for; default all of Architectures.
	Architectures []string
	// Only limits the packages to those of these names; default all.
	Only []string
	// Signer signs the release. If it is nil, the release is not signed.
	Signer *Signer
	// Progress gets a line for each package.
	Progress io.Writer
}

// Release is a package that was released.
type Release struct {
	// Name is the last part of its repository, such as provider-minio.
	Name string
	// Layout is the directory with the package in OCI's layout of images. The package's
	// index has the version as its tag.
	Layout string
	// Reference is the image reference to install it from, with a tag.
	Reference string
	// Digest is the digest of the package's index.
	Digest string
	// Images are the digests of the images, by architecture.
	Images map[string]string
}

// repository returns the repository of a package.
func (o Options) repository(name string) string {
	return o.Registry + "/" + build.Organization + "/" + name
}

// complete checks the options and sets those with defaults.
func (o Options) complete() (Options, error) {
	if o.Registry == "" {
		o.Registry = build.DefaultRegistry
	}

	if len(o.Architectures) == 0 {
		o.Architectures = Architectures
	}

	// A development version gets another tag with each content; a part of a version would
	// be ambiguous.
	if semver.Canonical(o.Version) != o.Version || semver.Prerelease(o.Version) == "-dev" {
		return o, fmt.Errorf("cannot release %q: want a version such as v1.2.3 or v1.2.3-rc.1", o.Version)
	}

	if !fullCommit.MatchString(o.Commit) || o.Time.IsZero() {
		return o, errors.New("cannot release without a commit and its time")
	}

	return o, nil
}

// Make builds all packages for all architectures, and writes each with its artifacts and
// signatures to a layout of its own. It returns them in the order in which to upgrade them.
func Make(ctx context.Context, o Options) ([]Release, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}

	byName := map[string][]architecture{}

	var names []string

	for _, arch := range o.Architectures {
		dir := filepath.Join(o.Output, arch)
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, fmt.Errorf("cannot make the directory of %s: %w", arch, err)
		}

		pkgs, err := build.Packages(ctx, build.Options{
			Repo: o.Repo, Output: dir, Registry: o.Registry, Version: o.Version, Architecture: arch,
			Extras: true, Only: o.Only, Progress: o.Progress,
		})
		if err != nil {
			return nil, fmt.Errorf("cannot build for %s: %w", arch, err)
		}

		for _, p := range pkgs {
			a, err := readPackage(p, arch)
			if err != nil {
				return nil, err
			}

			byName[p.Name] = append(byName[p.Name], a)
			if !slices.Contains(names, p.Name) {
				names = append(names, p.Name)
			}
		}
	}

	releases := make([]Release, 0, len(names))

	for _, name := range names {
		r, err := o.write(ctx, byName[name])
		if err != nil {
			return nil, fmt.Errorf("cannot release %s: %w", name, err)
		}

		releases = append(releases, r)

		fmt.Fprintf(o.Progress, "  %-22s %s\n", name, r.Digest)
	}

	return releases, nil
}

// write writes the layout of a package.
func (o Options) write(ctx context.Context, images []architecture) (Release, error) {
	name := images[0].pkg.Name
	r := Release{
		Name: name, Layout: filepath.Join(o.Output, name), Reference: o.repository(name) + ":" + o.Version,
		Images: map[string]string{},
	}

	if err := os.RemoveAll(r.Layout); err != nil {
		return r, fmt.Errorf("cannot remove a former layout: %w", err)
	}

	l, err := layout.Write(r.Layout, empty.Index)
	if err != nil {
		return r, fmt.Errorf("cannot make a layout: %w", err)
	}

	annotations, err := o.annotations(images[0])
	if err != nil {
		return r, err
	}

	idx := index(images, annotations)
	if err := l.AppendIndex(idx, layout.WithAnnotations(map[string]string{refName: o.Version})); err != nil {
		return r, fmt.Errorf("cannot write the index: %w", err)
	}

	digest, err := idx.Digest()
	if err != nil {
		return r, fmt.Errorf("cannot read the index's digest: %w", err)
	}

	r.Digest = digest.String()

	signed, err := o.attach(l, idx, images, &r)
	if err != nil || o.Signer == nil {
		return r, err
	}

	return r, o.Signer.sign(ctx, o, r, append([]string{r.Digest}, signed...))
}

// attach writes the artifacts of a package, and returns their digests.
func (o Options) attach(l layout.Path, idx v1.ImageIndex, images []architecture, r *Release) ([]string, error) {
	text, err := provenance(idx, images, o)
	if err != nil {
		return nil, err
	}

	a, err := newArtifact(text, ProvenanceType, r.Name+".intoto.json", idx)
	if err != nil {
		return nil, err
	}

	artifacts := []v1.Image{a}

	for _, image := range images {
		if text, err = sbom(image, o); err != nil {
			return nil, err
		}

		if a, err = newArtifact(text, SBOMType, r.Name+"-"+image.name+".spdx.json", image.img); err != nil {
			return nil, err
		}

		artifacts = append(artifacts, a)

		digest, err := image.img.Digest()
		if err != nil {
			return nil, fmt.Errorf("cannot read the digest of an image: %w", err)
		}

		r.Images[image.name] = digest.String()
	}

	digests := make([]string, 0, len(artifacts))

	for _, a := range artifacts {
		if err := appendArtifact(l, a); err != nil {
			return nil, err
		}

		digest, err := a.Digest()
		if err != nil {
			return nil, fmt.Errorf("cannot read the digest of an artifact: %w", err)
		}

		digests = append(digests, digest.String())
	}

	return digests, nil
}

// appendArtifact writes an artifact to a layout, in whose index it has its title.
func appendArtifact(l layout.Path, a v1.Image) error {
	m, err := a.Manifest()
	if err != nil {
		return fmt.Errorf("cannot read an artifact: %w", err)
	}

	if err := l.AppendImage(a, layout.WithAnnotations(map[string]string{title: m.Layers[0].Annotations[title]})); err != nil {
		return fmt.Errorf("cannot write an artifact: %w", err)
	}

	return nil
}

// annotations returns the annotations of a package's index.
func (o Options) annotations(a architecture) (map[string]string, error) {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(a.pkg.File), "stage", a.pkg.Name, "crossplane.yaml"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the package's manifest: %w", err)
	}

	var manifest struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if err := yaml.Unmarshal(b, &manifest); err != nil {
		return nil, fmt.Errorf("cannot decode the package's manifest: %w", err)
	}

	const prefix = "org.opencontainers.image."

	return map[string]string{
		title:                  a.pkg.Name,
		prefix + "version":     o.Version,
		prefix + "revision":    o.Commit,
		prefix + "created":     o.Time.UTC().Format(time.RFC3339),
		prefix + "source":      Source,
		prefix + "vendor":      maintainer,
		prefix + "description": manifest.Metadata.Annotations["meta.crossplane.io/description"],
		prefix + "licenses":    manifest.Metadata.Annotations["meta.crossplane.io/license"],
	}, nil
}

// isIndex reports whether a descriptor is of an index.
func isIndex(d v1.Descriptor) bool { return d.MediaType == types.OCIImageIndex }
