package release

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/cistern-dev/cistern/package/build"
)

// layerAnnotation is the annotation by which Crossplane knows the layer of a package
// that holds its manifests. In a package file, which cannot hold annotations, it is a label
// of the image, followed by a colon and the layer's digest.
const layerAnnotation = "io.crossplane.xpkg"

// architecture is a package for one architecture.
type architecture struct {
	name string
	pkg  build.Package
	// licence is the SPDX expression in the package's manifest.
	licence string
	// img is the package's image in OCI's format.
	img v1.Image
}

// readPackage reads a package file.
func readPackage(pkg build.Package, arch string) (architecture, error) {
	a := architecture{name: arch, pkg: pkg}

	file, err := tarball.ImageFromPath(pkg.File, nil)
	if err != nil {
		return a, fmt.Errorf("cannot read %q: %w", pkg.File, err)
	}

	config, err := file.ConfigFile()
	if err != nil {
		return a, fmt.Errorf("cannot read the configuration of %q: %w", pkg.File, err)
	}

	layers, err := file.Layers()
	if err != nil {
		return a, fmt.Errorf("cannot read the layers of %q: %w", pkg.File, err)
	}

	a.img = mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)

	for _, l := range layers {
		add, err := addendum(l, config.Config.Labels)
		if err != nil {
			return a, err
		}

		if a.img, err = mutate.Append(a.img, add); err != nil {
			return a, fmt.Errorf("cannot add a layer of %q: %w", pkg.File, err)
		}
	}

	// A Configuration runs nothing, and its file names no platform.
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch

	if a.img, err = mutate.ConfigFile(a.img, config); err != nil {
		return a, fmt.Errorf("cannot set the configuration of %q: %w", pkg.File, err)
	}

	return a, nil
}

// addendum returns a layer in OCI's format with the annotation that a label gives it.
func addendum(l v1.Layer, labels map[string]string) (mutate.Addendum, error) {
	digest, err := l.Digest()
	if err != nil {
		return mutate.Addendum{}, fmt.Errorf("cannot read the digest of a layer: %w", err)
	}

	add := mutate.Addendum{Layer: l, MediaType: types.OCILayer}
	if v, ok := labels[layerAnnotation+":"+digest.String()]; ok {
		add.Annotations = map[string]string{layerAnnotation: v}
	}

	return add, nil
}

// index returns the index of a package's images.
func index(images []architecture, annotations map[string]string) (v1.ImageIndex, error) {
	base := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)

	for _, a := range images {
		base = mutate.AppendManifests(base, mutate.IndexAddendum{
			Add: a.img,
			Descriptor: v1.Descriptor{
				MediaType: types.OCIManifestSchema1,
				Platform:  &v1.Platform{OS: "linux", Architecture: a.name},
			},
		})
	}

	idx, ok := mutate.Annotations(base, annotations).(v1.ImageIndex)
	if !ok {
		return nil, fmt.Errorf("cannot annotate an index: it became a %T", base)
	}

	return idx, nil
}
