package embedded

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// images unpacks images into directories.
type images struct {
	dir string
	mu  sync.Mutex
}

// unpacked is an image whose files are on this machine.
type unpacked struct {
	root             string
	entrypoint, args []string
}

// pull returns an image, and unpacks it unless it has been.
func (i *images) pull(ctx context.Context, reference string) (*unpacked, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, fmt.Errorf("cannot parse the image's reference: %w", err)
	}

	image, err := remote.Image(ref, remote.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("cannot pull %s: %w", reference, err)
	}

	digest, err := image.Digest()
	if err != nil {
		return nil, fmt.Errorf("cannot pull %s: %w", reference, err)
	}

	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("cannot pull %s: %w", reference, err)
	}

	u := &unpacked{root: filepath.Join(i.dir, digest.Hex), entrypoint: config.Config.Entrypoint, args: config.Config.Cmd}

	i.mu.Lock()
	defer i.mu.Unlock()

	if exists(u.root) {
		return u, nil
	}

	partial := u.root + ".partial"
	if err := errors.Join(os.RemoveAll(partial), unpack(image, partial)); err != nil {
		return nil, fmt.Errorf("cannot unpack %s: %w", reference, err)
	}

	return u, os.Rename(partial, u.root)
}

// find returns the path of a program in the image.
func (u *unpacked) find(program string) (string, error) {
	if filepath.IsAbs(program) {
		return filepath.Join(u.root, program), nil
	}

	for _, dir := range []string{"/usr/local/bin", "/usr/bin", "/bin", "/"} {
		if file := filepath.Join(u.root, dir, program); exists(file) {
			return file, nil
		}
	}

	return "", fmt.Errorf("the image has no program %q", program)
}

// unpack writes the files of an image below a directory.
func unpack(image v1.Image, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}

	root, err := os.OpenRoot(dir) // no path leads out of it
	if err != nil {
		return err
	}
	defer root.Close()

	content := mutate.Extract(image)
	defer content.Close()

	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return err
		}

		path := strings.Trim(filepath.Clean("/"+h.Name), "/")

		switch h.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(path, 0o755)
		case tar.TypeReg:
			err = write(root, path, h.FileInfo().Mode().Perm(), r)
		}

		if err != nil {
			return err
		}
	}
}

func write(root *os.Root, path string, mode os.FileMode, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}

	f, err := root.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}

	_, err = io.Copy(f, content)

	return errors.Join(err, f.Close())
}
