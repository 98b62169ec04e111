package release

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Push pushes a release to a repository, such as ghcr.io/cistern-dev/provider-minio, with the
// credentials of `docker login` if there are any. The version's tag comes last, when all
// that is attached is there. A tag of another content is an error: a release does not change.
func (r Release) Push(ctx context.Context, repository string) error {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return fmt.Errorf("cannot push to %q: %w", repository, err)
	}

	l, err := layout.ImageIndexFromPath(r.Layout)
	if err != nil {
		return fmt.Errorf("cannot read %q: %w", r.Layout, err)
	}

	m, err := l.IndexManifest()
	if err != nil {
		return fmt.Errorf("cannot read the index of %q: %w", r.Layout, err)
	}

	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}

	for _, d := range m.Manifests {
		if tag := d.Annotations[refName]; isIndex(d) {
			if err := unchanged(repo.Tag(tag), d.Digest, options); err != nil {
				return err
			}
		}
	}

	for _, d := range m.Manifests {
		if err := push(l, d, repo, options); err != nil {
			return fmt.Errorf("cannot push to %q: %w", repository, err)
		}
	}

	for _, d := range m.Manifests {
		if !isIndex(d) {
			continue
		}

		idx, err := l.ImageIndex(d.Digest)
		if err != nil {
			return fmt.Errorf("cannot read the index of %s: %w", r.Name, err)
		}

		if err := remote.Tag(repo.Tag(d.Annotations[refName]), idx, options...); err != nil {
			return fmt.Errorf("cannot tag %s: %w", r.Name, err)
		}
	}

	return nil
}

// push pushes what a descriptor of a layout is of: an index, an artifact by its digest, or
// signatures by their tag.
func push(l v1.ImageIndex, d v1.Descriptor, repo name.Repository, options []remote.Option) error {
	if isIndex(d) {
		idx, err := l.ImageIndex(d.Digest)
		if err != nil {
			return err
		}

		return remote.WriteIndex(repo.Digest(d.Digest.String()), idx, options...)
	}

	img, err := l.Image(d.Digest)
	if err != nil {
		return err
	}

	var ref name.Reference = repo.Digest(d.Digest.String())
	if tag := d.Annotations[refName]; tag != "" {
		ref = repo.Tag(tag)
	}

	return remote.Write(ref, img, options...)
}

// unchanged returns an error if a tag exists and is of another digest.
func unchanged(tag name.Tag, digest v1.Hash, options []remote.Option) error {
	d, err := remote.Head(tag, options...)

	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return nil
	}

	if err != nil {
		return fmt.Errorf("cannot ask for %s: %w", tag, err)
	}

	if d.Digest != digest {
		return fmt.Errorf("cannot push %s: it is there already, with the digest %s instead of %s", tag, d.Digest, digest)
	}

	return nil
}
