package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Types of the artifacts that are attached to a package.
const (
	// SBOMType is the type of a list of contents in SPDX's format.
	SBOMType = "application/spdx+json"
	// ProvenanceType is the type of a statement about how a package was built.
	ProvenanceType = "application/vnd.in-toto+json"
)

// emptyConfig is the configuration of an artifact, which has none, and its type.
const (
	emptyConfig     = "{}"
	emptyConfigType = types.MediaType("application/vnd.oci.empty.v1+json")
)

// artifact is an OCI artifact of one file. It implements partial.CompressedImageCore.
type artifact struct {
	content, manifest []byte
	mediaType         types.MediaType
}

// newArtifact returns an artifact that is attached to a subject: registries list it among
// the subject's referrers.
func newArtifact(content []byte, mediaType types.MediaType, title string, subject partial.Describable) (v1.Image, error) {
	to, err := partial.Descriptor(subject)
	if err != nil {
		return nil, fmt.Errorf("cannot describe the subject of %s: %w", title, err)
	}

	m := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  string(mediaType),
		Config:        descriptor([]byte(emptyConfig), emptyConfigType),
		Layers:        []v1.Descriptor{descriptor(content, mediaType)},
		Subject:       &v1.Descriptor{MediaType: to.MediaType, Digest: to.Digest, Size: to.Size},
	}
	m.Layers[0].Annotations = map[string]string{titleAnnotation: title}

	a := &artifact{content: content, mediaType: mediaType}
	if a.manifest, err = json.Marshal(m); err != nil {
		return nil, fmt.Errorf("cannot write the manifest of %s: %w", title, err)
	}

	return partial.CompressedToImage(a)
}

// descriptor describes a blob.
func descriptor(content []byte, mediaType types.MediaType) v1.Descriptor {
	digest, _, _ := v1.SHA256(bytes.NewReader(content)) // reading memory does not fail

	return v1.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(content))}
}

// MediaType returns the type of the manifest.
func (a *artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// RawManifest returns the manifest.
func (a *artifact) RawManifest() ([]byte, error) { return a.manifest, nil }

// RawConfigFile returns the configuration, which is empty.
func (a *artifact) RawConfigFile() ([]byte, error) { return []byte(emptyConfig), nil }

// LayerByDigest returns the content or the configuration.
func (a *artifact) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, l := range []v1.Layer{static.NewLayer(a.content, a.mediaType), static.NewLayer([]byte(emptyConfig), emptyConfigType)} {
		if digest, err := l.Digest(); err != nil || digest == h {
			return l, err
		}
	}

	return nil, fmt.Errorf("the artifact has no blob %s", h)
}

// readArtifact returns the content of an artifact.
func readArtifact(img v1.Image) ([]byte, error) {
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		return nil, fmt.Errorf("want an artifact of one file, got one of %d: %w", len(layers), err)
	}

	r, err := layers[0].Compressed()
	if err != nil {
		return nil, fmt.Errorf("cannot open an artifact: %w", err)
	}

	b, err := io.ReadAll(r)

	return b, errors.Join(err, r.Close())
}
