//go:build e2e

package release

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/cistern-dev/cistern/package/release"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/component"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

const (
	version  = "v1.2.3"
	password = "of the test's key"
	function = "function-bucket"
)

// TestRelease makes a release and checks its images. Then it installs packages of it with an
// ImageConfig that asks for signatures by a key: the signed ones are installed, and those that are
// not signed, signed by another key, or not recorded in the transparency log are refused, with a
// condition that says so.
func TestRelease(t *testing.T) {
	repo, err := tools.RepoDir()
	if err != nil {
		t.Fatal(err)
	}

	t.Setenv("COSIGN_PASSWORD", password)

	transparency, host := newLog(t), startRegistry(t)
	keys := t.TempDir()

	for _, name := range []string{"ours", "other"} {
		if err := release.NewKeys(t.Context(), repo, filepath.Join(keys, name), password); err != nil {
			t.Fatal(err)
		}
	}

	ours := &release.Signer{Key: filepath.Join(keys, "ours.key"), Rekor: transparency.URL}
	begin := time.Now()

	releases, err := release.Make(t.Context(), release.Options{
		Repo: repo, Output: t.TempDir(), Registry: host, Version: version,
		Commit: strings.Repeat("0", 40), Time: begin, Signer: ours, Progress: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}

	t.Logf("the release took %s", time.Since(begin).Round(time.Second))

	byName := map[string]release.Release{}

	for _, r := range releases {
		byName[r.Name] = r

		checkImages(t, r)

		if err := r.Push(t.Context(), host+"/cistern-dev/"+r.Name); err != nil {
			t.Fatal(err)
		}
	}

	for name, s := range map[string]*release.Signer{
		"unsigned":   nil,
		"other":      {Key: filepath.Join(keys, "other.key"), Rekor: transparency.URL},
		"unrecorded": {Key: ours.Key},
	} {
		copied := resign(t, byName[function], s, repo)
		if err := copied.Push(t.Context(), host+"/"+name+"/"+function); err != nil {
			t.Fatal(err)
		}
	}

	a := startCrossplane(t, transparency)
	verify(t, a, repo, host, filepath.Join(keys, "ours.pub"))

	install(t, a, "Function", "signed", byName[function].Reference)
	install(t, a, "Configuration", "signed", byName["configuration-bucket"].Reference)

	for _, name := range []string{"unsigned", "other", "unrecorded"} {
		install(t, a, "Function", name, host+"/"+name+"/"+function+":"+version)
	}

	for _, kind := range []string{"Function", "Configuration"} {
		await.For(t, "the signed "+kind+" to be installed", func() error {
			return condition(t.Context(), a, kind, "signed", "True", "")
		})
	}

	for name, reason := range map[string]string{
		"unsigned": "no signatures found", "other": "comparing public key", "unrecorded": "rekor client not provided",
	} {
		await.For(t, "the function "+name+" to be refused", func() error {
			return condition(t.Context(), a, "Function", name, "False", "signature verification failed", reason)
		})
	}
}

// startRegistry starts a registry, and returns its address.
func startRegistry(t *testing.T) string {
	t.Helper()

	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)

	return strings.TrimPrefix(server.URL, "http://")
}

// resign returns a copy of a release that is signed by another signer; by none if it is nil.
func resign(t *testing.T, r release.Release, s *release.Signer, repo string) release.Release {
	t.Helper()

	idx := index(t, r)

	r.Layout = t.TempDir()

	l, err := layout.Write(r.Layout, empty.Index)
	if err != nil {
		t.Fatal(err)
	}

	if err := l.AppendIndex(idx, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": version})); err != nil {
		t.Fatal(err)
	}

	if s != nil {
		if err := s.Sign(t.Context(), repo, r.Layout, strings.TrimSuffix(r.Reference, ":"+version), r.Digest); err != nil {
			t.Fatal(err)
		}
	}

	return r
}

// index returns the index of a release.
func index(t *testing.T, r release.Release) v1.ImageIndex {
	t.Helper()

	digest, err := v1.NewHash(r.Digest)
	if err != nil {
		t.Fatal(err)
	}

	all, err := layout.ImageIndexFromPath(r.Layout)
	if err != nil {
		t.Fatal(err)
	}

	idx, err := all.ImageIndex(digest)
	if err != nil {
		t.Fatal(err)
	}

	return idx
}

// checkImages checks the images of a release: that they have layers of manifests and examples,
// that their program is for their architecture, and that this machine's one runs.
func checkImages(t *testing.T, r release.Release) {
	t.Helper()

	idx := index(t, r)

	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	if len(r.Images) != len(machines) {
		t.Errorf("%s: want images for %d architectures, got %v", r.Name, len(machines), r.Images)
	}

	for arch, digest := range r.Images {
		h, err := v1.NewHash(digest)
		if err != nil {
			t.Fatal(err)
		}

		img, err := idx.Image(h)
		if err != nil {
			t.Fatal(err)
		}

		checkLayers(t, r.Name, img)

		program := extract(t, img, r.Name)
		if program == nil {
			continue // a Configuration runs nothing
		}

		f, err := elf.NewFile(bytes.NewReader(program))
		if err != nil || f.Machine != machines[arch] {
			t.Errorf("%s: want a program for %s, got one for %v: %v", r.Name, arch, f.Machine, err)
		}

		if arch == runtime.GOARCH {
			runs(t, program)
		}
	}
}

// checkLayers checks the annotations of an image's layers.
func checkLayers(t *testing.T, name string, img v1.Image) {
	t.Helper()

	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}

	var got []string

	for _, l := range m.Layers {
		if v := l.Annotations["io.crossplane.xpkg"]; v != "" {
			got = append(got, v)
		}
	}

	if strings.Join(got, ",") != "base,upbound" {
		t.Errorf("%s: want a layer of manifests and one of examples, got %v", name, got)
	}
}

// extract returns a file in the root of an image; nil if there is none.
func extract(t *testing.T, img v1.Image, name string) []byte {
	t.Helper()

	content := mutate.Extract(img)
	defer content.Close()

	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			t.Fatal(err)
		}

		if h.Name == name {
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}

			return b
		}
	}
}

// runs checks that a program runs on this machine.
func runs(t *testing.T, program []byte) {
	t.Helper()

	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, program, 0o700); err != nil {
		t.Fatal(err)
	}

	if out, err := exec.CommandContext(t.Context(), file, "--help").CombinedOutput(); err != nil {
		t.Errorf("the program does not run: %v\n%s", err, out)
	}
}

// verify has Crossplane ask for signatures by a key for all packages of a registry, by the
// example.
func verify(t *testing.T, a *component.API, repo, host, publicKey string) {
	t.Helper()

	key, err := os.ReadFile(publicKey)
	if err != nil {
		t.Fatal(err)
	}

	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "cistern-signing-key", Namespace: namespace}, Data: map[string][]byte{"cosign.pub": key},
	}
	if err := a.Kube.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}

	text, err := os.ReadFile(filepath.Join(repo, "examples", "platform", "signatures.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(strings.Replace(string(text), "ghcr.io/cistern-dev/", host+"/", 1)), &o.Object); err != nil {
		t.Fatal(err)
	}

	if err := a.Kube.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// install installs a package.
func install(t *testing.T, a *component.API, kind, name, reference string) {
	t.Helper()

	o := newObject(kind, name)
	o.Object["spec"] = map[string]any{"package": reference, "skipDependencyResolution": true}

	if err := a.Kube.Create(t.Context(), o); err != nil {
		t.Fatalf("cannot create the %s %s: %v", kind, name, err)
	}
}

// newObject returns an object of Crossplane's packages.
func newObject(kind, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "pkg.crossplane.io/v1", "kind": kind}}
	o.SetName(name)

	return o
}

// condition returns an error unless a package's condition Installed has a status and a message
// with these texts. If it is to be installed, its revision must also have the package's objects.
func condition(ctx context.Context, a *component.API, kind, name, status string, texts ...string) error {
	o := newObject(kind, name)
	if err := a.Kube.Get(ctx, types.NamespacedName{Name: name}, o); err != nil {
		return err
	}

	all, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	if err != nil {
		return err
	}

	for _, c := range all {
		c, ok := c.(map[string]any)
		if !ok || c["type"] != "Installed" {
			continue
		}

		message, _ := c["message"].(string)
		for _, text := range texts {
			if !strings.Contains(message, text) {
				return fmt.Errorf("%q is not in the message %q", text, message)
			}
		}

		if c["status"] != status {
			return fmt.Errorf("Installed is %v: %s", c["status"], message)
		}

		return nil
	}

	return fmt.Errorf("%s has no condition Installed", client.ObjectKeyFromObject(o))
}
