// Package release makes releases of Cistern's packages: for each package one OCI index
// of the images of all architectures, a list of the contents of each image, a statement
// about the provenance of the index, and signatures. The same commit gives the same
// digests, except for signatures, which hold a random number and a time.
package release

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"sigs.k8s.io/yaml"

	"github.com/cistern-dev/cistern/package/build"
)

const (
	maintainer = "The Cistern authors"
	// refName is the annotation of OCI's layouts that holds a tag.
	refName = "org.opencontainers.image.ref.name"
	// titleAnnotation is that of a package's name, and of an artifact's file name.
	titleAnnotation = "org.opencontainers.image.title"
	// licenceAnnotation is that of Crossplane's manifests.
	licenceAnnotation = "meta.crossplane.io/license"
)

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

// Make builds all packages for all architectures, and writes each with its artifacts and
// signatures to a layout of its own. It returns them in the order in which to upgrade them.
func Make(ctx context.Context, o Options) ([]Release, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}

	names, byName, err := o.build(ctx)
	if err != nil {
		return nil, err
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

// build builds all packages for all architectures. It returns their names in order, and
// the architectures of each.
func (o Options) build(ctx context.Context) (names []string, byName map[string][]architecture, err error) {
	byName = map[string][]architecture{}

	for _, arch := range o.Architectures {
		dir := filepath.Join(o.Output, arch)
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, nil, fmt.Errorf("cannot make the directory of %s: %w", arch, err)
		}

		pkgs, err := build.Packages(ctx, build.Options{
			Repo: o.Repo, Output: dir, Registry: o.Registry, Version: o.Version, Architecture: arch,
			Extras: true, Only: o.Only, Progress: o.Progress,
		})
		if err != nil {
			return nil, nil, fmt.Errorf("cannot build for %s: %w", arch, err)
		}

		for _, p := range pkgs {
			a, err := readPackage(p, arch)
			if err != nil {
				return nil, nil, err
			}

			if byName[p.Name] == nil {
				names = append(names, p.Name)
			}

			byName[p.Name] = append(byName[p.Name], a)
		}
	}

	return names, byName, nil
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

	meta, err := metadata(images[0])
	if err != nil {
		return r, err
	}

	for i := range images {
		images[i].licence = meta[licenceAnnotation]
	}

	idx, err := index(images, o.annotations(name, meta))
	if err != nil {
		return r, err
	}

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

	return r, o.Signer.Sign(ctx, o.Repo, r.Layout, o.repository(r.Name), append(signed, r.Digest)...)
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

	if err := l.AppendImage(a, layout.WithAnnotations(map[string]string{titleAnnotation: m.Layers[0].Annotations[titleAnnotation]})); err != nil {
		return fmt.Errorf("cannot write an artifact: %w", err)
	}

	return nil
}

// metadata returns the annotations of a package's manifest.
func metadata(a architecture) (map[string]string, error) {
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

	return manifest.Metadata.Annotations, nil
}

// annotations returns the annotations of a package's index.
func (o Options) annotations(name string, meta map[string]string) map[string]string {
	const prefix = "org.opencontainers.image."

	return map[string]string{
		titleAnnotation:        name,
		prefix + "version":     o.Version,
		prefix + "revision":    o.Commit,
		prefix + "created":     o.Time.UTC().Format(time.RFC3339),
		prefix + "source":      build.Source,
		prefix + "vendor":      maintainer,
		prefix + "description": meta["meta.crossplane.io/description"],
		prefix + "licenses":    meta[licenceAnnotation],
	}
}

// isIndex reports whether a descriptor is of an index.
func isIndex(d v1.Descriptor) bool { return d.MediaType == types.OCIImageIndex }
