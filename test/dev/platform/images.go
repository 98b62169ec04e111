package platform

import (
	"context"
	"fmt"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/cistern-dev/cistern/package/image"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

// The repositories of images. Fixed tags do no harm: the registry is created with
// the cluster, so that no image is ever replaced.
const (
	crossplaneRepository = "/crossplane/crossplane"
	minioImage           = "/cistern/minio:local"
	pauseImage           = "/cistern/pause:local"
)

// pushImages makes and pushes the images of the tools that run as pods.
func (l *local) pushImages(ctx context.Context) error {
	crossplane, err := l.crossplaneFiles(ctx)
	if err != nil {
		return err
	}

	version, err := tools.Version("crossplane")
	if err != nil {
		return err
	}

	g, ctx := errgroup.WithContext(ctx)

	images := map[string]image.Config{
		crossplaneRepository + ":" + version: {Entrypoint: []string{"crossplane"}, Files: crossplane},
		minioImage:                           minioConfig(l.tools["minio"]),
	}
	if pause := l.tools["pause"]; pause != "" {
		images[pauseImage] = image.Config{Entrypoint: []string{"/pause"}, Files: map[string]string{"/pause": pause}}
	}

	for ref, c := range images {
		c.Uncompressed = true

		g.Go(func() error { return push(ctx, l.Platform.PushRegistry+ref, c) })
	}

	return g.Wait()
}

func push(ctx context.Context, ref string, c image.Config) error {
	img, err := image.Build(c)
	if err != nil {
		return fmt.Errorf("cannot make the image %q: %w", ref, err)
	}

	return image.Push(ctx, ref, img)
}

func minioConfig(binary string) image.Config {
	return image.Config{Entrypoint: []string{"/minio"}, Files: map[string]string{"/minio": binary}}
}

// crossplaneFiles returns the files of Crossplane's image, at the paths of its
// official image: the binary, and the manifests that `crossplane core init`
// installs.
func (l *local) crossplaneFiles(ctx context.Context) (map[string]string, error) {
	module, err := tools.ModuleDir(ctx, "crossplane")
	if err != nil {
		return nil, err
	}

	files := map[string]string{"/usr/local/bin/crossplane": l.tools["crossplane"]}

	for _, dir := range []string{"crds", "webhookconfigurations"} {
		manifests, err := filepath.Glob(filepath.Join(module, "cluster", dir, "*.yaml"))
		if err != nil || len(manifests) == 0 {
			return nil, fmt.Errorf("cannot find Crossplane's %s in %s", dir, module)
		}

		for _, m := range manifests {
			files["/"+dir+"/"+filepath.Base(m)] = m
		}
	}

	return files, nil
}
