//go:build e2e

package clients

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cistern-dev/cistern/test/await"
)

func testBackup(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])
	dir := filepath.Join(s.home, "data")

	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}

	s.file(t, "data/one", 17, 3<<20)
	s.file(t, "data/two", 19, 10)
	s.must(t, "backup", dir, filepath.Join(s.home, "restored"))
}

func testReaderBackup(t *testing.T, c *client) {
	newSession(t, c, issued[reader]).wantRefused(t, "init", c.refused)
}

// testImages pushes an image to a registry, and pulls it from one that was started again:
// all that it knows is in the bucket.
func testImages(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])

	image, err := random.Image(100<<10, 3)
	if err != nil {
		t.Fatal(err)
	}

	want, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}

	s.withRegistry(t, s.startRegistry, func(ref name.Reference, o []remote.Option) {
		if err := remote.Write(ref, image, o...); err != nil {
			t.Errorf("cannot push an image: %v", err)
		}
	})
	s.withRegistry(t, s.startRegistry, func(ref name.Reference, o []remote.Option) {
		pulled, err := remote.Image(ref, o...)
		if err != nil {
			t.Fatalf("cannot pull an image: %v", err)
		}

		got, err := pulled.Digest()
		if err != nil || got != want {
			t.Errorf("want image %s, got %s, %v", want, got, err)
		}

		wantLayers(t, pulled)
	})
}

// wantLayers reads the layers of an image, which verifies their digests.
func wantLayers(t *testing.T, image v1.Image) {
	t.Helper()

	layers, err := image.Layers()
	if err != nil || len(layers) != 3 {
		t.Fatalf("want 3 layers, got %d, %v", len(layers), err)
	}

	for _, layer := range layers {
		r, err := layer.Compressed()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
			_ = r.Close()
		}

		if err != nil {
			t.Errorf("cannot read a layer: %v", err)
		}
	}
}

func testReaderImages(t *testing.T, c *client) {
	s := newSession(t, c, issued[reader])

	image, err := random.Image(1000, 1)
	if err != nil {
		t.Fatal(err)
	}

	s.withRegistry(t, s.startRegistry, func(ref name.Reference, o []remote.Option) {
		if err := remote.Write(ref, image, o...); err == nil || !regexp.MustCompile(c.refused).MatchString(err.Error()) {
			t.Errorf("want a push with a reader's key to be refused, got %v", err)
		}
	})
}

// startRegistry runs a registry at an address.
func (s *session) startRegistry(ctx context.Context, address string) error {
	_, err := s.shell(ctx, s.operations["registry"], address)
	return err
}

// withRegistry runs a registry while use has an image of it. Layers come from the bucket
// itself, to which the registry redirects.
func (s *session) withRegistry(
	t *testing.T, run func(ctx context.Context, address string) error, use func(ref name.Reference, o []remote.Option),
) {
	t.Helper()

	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	address := l.Addr().String()
	_ = l.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	ended := make(chan error, 1)

	go func() {
		ended <- run(ctx, address)
	}()

	defer func() {
		cancel()

		if err := <-ended; err == nil {
			t.Error("want the registry to run until it is killed")
		}
	}()

	await.For(t, "the registry", func() error {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the registry ended: %v", err)
		default:
		}

		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}

		return conn.Close()
	})

	ref, err := name.ParseReference(address+"/team/app:v1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}

	use(ref, []remote.Option{remote.WithContext(ctx), remote.WithTransport(transport(s.data)), remote.WithRetryBackoff(remote.Backoff{Steps: 1})})
}
