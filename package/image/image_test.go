package image

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestBuild(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte("#!"), 0o600); err != nil {
		t.Fatal(err)
	}

	c := Config{
		Entrypoint: []string{"/bin/program"},
		Files:      map[string]string{"/bin/program": file, "/etc/a/b": file, "/etc/a.conf": file},
	}
	first := mustBuild(t, c)

	// Neither the file's time nor its mode may show.
	if err := errors.Join(os.Chtimes(file, time.Time{}, time.Unix(1, 0)), os.Chmod(file, 0o400)); err != nil {
		t.Fatal(err)
	}

	if a, b := digest(t, first), digest(t, mustBuild(t, c)); a != b {
		t.Errorf("Build(): digest %s, then %s", a, b)
	}

	config, err := first.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(NonRoot, config.Config.User); diff != "" {
		t.Errorf("Build(): user: -want, +got:\n%s", diff)
	}

	want := []string{"bin/", "etc/", "etc/a/", "bin/program", "etc/a.conf", "etc/a/b"}
	if diff := cmp.Diff(want, entries(t, first)); diff != "" {
		t.Errorf("Build(): layer: -want, +got:\n%s", diff)
	}
}

func TestBuildErrors(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		reason string
		files  map[string]string
	}{
		"Relative": {reason: "A path in an image is absolute.", files: map[string]string{"bin/x": "image.go"}},
		"Unclean":  {reason: "Two spellings of one path would be two files.", files: map[string]string{"/bin/../x": "image.go"}},
		"Missing":  {reason: "A file that is not there cannot be in an image.", files: map[string]string{"/x": "/does/not/exist"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			if _, err := Build(Config{Files: tc.files}); err == nil {
				t.Errorf("%s\nBuild(): no error", tc.reason)
			}
		})
	}
}

func mustBuild(t *testing.T, c Config) v1.Image {
	t.Helper()

	img, err := Build(c)
	if err != nil {
		t.Fatal(err)
	}

	return img
}

func digest(t *testing.T, img v1.Image) string {
	t.Helper()

	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}

	return d.String()
}

// entries returns the names in an image's only layer, in order.
func entries(t *testing.T, img v1.Image) []string {
	t.Helper()

	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("layers: %d, error %v", len(layers), err)
	}

	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}

	var names []string

	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}

		if err != nil {
			t.Fatal(err)
		}

		names = append(names, h.Name)
	}
}
