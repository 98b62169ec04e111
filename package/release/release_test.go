package release

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	spdxjson "github.com/spdx/tools-golang/json"

	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/package/image"
)

// commit is a full hash.
const commit = "0123456789abcdef0123456789abcdef01234567"

func TestSignProgram(t *testing.T) {
	if err := SignProgram(filepath.Join("..", "..")).Check(); err != nil {
		t.Errorf("SignProgram(): %v", err)
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()

	valid := Options{Version: "v1.2.3", Commit: commit, Time: time.Unix(1, 0)}

	cases := map[string]struct {
		reason  string
		change  func(*Options)
		wantErr bool
	}{
		"Valid":       {reason: "A version, a commit and its time are enough.", change: func(*Options) {}},
		"Candidate":   {reason: "A candidate may be released.", change: func(o *Options) { o.Version = "v1.2.3-rc.1" }},
		"Development": {reason: "A development version is none.", change: func(o *Options) { o.Version = "v0.1.0-dev" }, wantErr: true},
		"Short":       {reason: "A part of a version is none.", change: func(o *Options) { o.Version = "v1.2" }, wantErr: true},
		"NoV":         {reason: "Go's versions begin with v.", change: func(o *Options) { o.Version = "1.2.3" }, wantErr: true},
		"ShortCommit": {reason: "A short hash may become ambiguous.", change: func(o *Options) { o.Commit = "0123456" }, wantErr: true},
		"NoTime":      {reason: "The contents need a time that is not today's.", change: func(o *Options) { o.Time = time.Time{} }, wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			o := valid
			tc.change(&o)

			if _, err := o.complete(); (err != nil) != tc.wantErr {
				t.Errorf("%s\ncomplete(): error %v", tc.reason, err)
			}
		})
	}
}

// fake returns a package for both architectures whose program is this test, and the options
// with which to release it.
func fake(t *testing.T, output string) ([]architecture, Options) {
	t.Helper()

	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	o := Options{
		Output: output, Registry: "registry.example.org", Version: "v1.2.3", Commit: commit, Time: time.Unix(1700000000, 0), Progress: io.Discard,
	}
	text := filepath.Join(t.TempDir(), "program")
	images := make([]architecture, 0, len(Architectures))

	for _, arch := range Architectures {
		if err := os.WriteFile(text, []byte(arch), 0o600); err != nil {
			t.Fatal(err)
		}

		img, err := image.Build(image.Config{Files: map[string]string{"/program": text}, Architecture: arch})
		if err != nil {
			t.Fatal(err)
		}

		dir := filepath.Join(output, arch)

		manifest := filepath.Join(dir, "stage", "fake", "crossplane.yaml")
		if err := os.MkdirAll(filepath.Dir(manifest), 0o750); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(manifest, []byte("metadata: {annotations: {meta.crossplane.io/license: Apache-2.0}}"), 0o600); err != nil {
			t.Fatal(err)
		}

		images = append(images, architecture{name: arch, img: img, pkg: build.Package{
			Name: "fake", File: filepath.Join(dir, "fake.xpkg"), Program: program,
		}})
	}

	return images, o
}

// write writes a release of the fake package.
func write(t *testing.T) Release {
	t.Helper()

	images, o := fake(t, t.TempDir())

	r, err := o.write(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}

	return r
}

// TestReproducible checks that two releases of the same content are equal byte for byte.
func TestReproducible(t *testing.T) {
	t.Parallel()

	if diff := cmp.Diff(files(t, write(t).Layout), files(t, write(t).Layout)); diff != "" {
		t.Errorf("-first, +second:\n%s", diff)
	}
}

// files returns the files of a directory with their content. That of blobs follows from
// their name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()

	all := map[string]string{}

	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()

	for _, pattern := range []string{"*.json", "blobs/sha256/*"} {
		names, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}

		for _, n := range names {
			rel, err := filepath.Rel(dir, n)
			if err != nil {
				t.Fatal(err)
			}

			b, err := root.ReadFile(rel)
			if err != nil {
				t.Fatal(err)
			}

			all[rel] = string(b)
		}
	}

	if len(all) < 10 {
		t.Fatalf("want a layout's files, got %d", len(all))
	}

	return all
}

// TestPush pushes a release to a registry and reads there what a user would: the image of each
// platform, the contents of each, and the provenance of all. It checks that the release can be
// pushed again, and that another one cannot take its tag.
func TestPush(t *testing.T) {
	t.Parallel()

	// It lists no referrers, so they are kept in an index with the subject's digest as its tag.
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()

	repository := strings.TrimPrefix(server.URL, "http://") + "/cistern-dev/fake"
	r := write(t)

	for range 2 {
		if err := r.Push(t.Context(), repository); err != nil {
			t.Fatal(err)
		}
	}

	tag, err := name.NewTag(repository + ":v1.2.3")
	if err != nil {
		t.Fatal(err)
	}

	idx, err := remote.Index(tag)
	if err != nil {
		t.Fatal(err)
	}

	m, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}

	if m.Annotations["org.opencontainers.image.licenses"] != "Apache-2.0" || m.Annotations["org.opencontainers.image.revision"] != commit {
		t.Errorf("the index has the annotations %v", m.Annotations)
	}

	for _, d := range m.Manifests {
		if got := r.Images[d.Platform.Architecture]; got != d.Digest.String() {
			t.Errorf("%s: want the image %s, got %s", d.Platform.Architecture, got, d.Digest)
		}

		checkContents(t, referrer(t, tag.Digest(d.Digest.String()), SBOMType), d)
	}

	checkProvenance(t, referrer(t, tag.Digest(r.Digest), ProvenanceType), r)

	images, o := fake(t, t.TempDir())
	o.Commit = strings.Repeat("f", len(commit))

	other, err := o.write(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}

	if err := other.Push(t.Context(), repository); err == nil || !strings.Contains(err.Error(), "it is there already") {
		t.Errorf("want another release of the same version to be refused, got %v", err)
	}
}

// referrer returns the content of the only artifact that refers to a digest.
func referrer(t *testing.T, subject name.Digest, artifactType string) []byte {
	t.Helper()

	idx, err := remote.Referrers(subject)
	if err != nil {
		t.Fatal(err)
	}

	m, err := idx.IndexManifest()
	if err != nil || len(m.Manifests) != 1 || m.Manifests[0].ArtifactType != artifactType {
		t.Fatalf("want one referrer of the type %s, got %+v: %v", artifactType, m, err)
	}

	img, err := remote.Image(subject.Digest(m.Manifests[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}

	b, err := readArtifact(img)
	if err != nil {
		t.Fatal(err)
	}

	return b
}

// checkContents checks the contents of an image of the fake package.
func checkContents(t *testing.T, text []byte, d v1.Descriptor) {
	t.Helper()

	doc, err := spdxjson.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}

	// The programs of tests do not know their modules.
	if std := doc.Packages[2]; std.PackageName != "stdlib" || std.PackageLicenseDeclared != "BSD-3-Clause" {
		t.Errorf("want Go's standard library, got %+v", std)
	}

	if p := doc.Packages[0]; len(p.PackageChecksums) != 1 || p.PackageChecksums[0].Value != d.Digest.Hex {
		t.Errorf("want the contents of %s, got those of %+v", d.Digest, p)
	}

	if len(doc.Relationships) != len(doc.Packages) {
		t.Errorf("want a relation to each of %d packages, got %d", len(doc.Packages), len(doc.Relationships))
	}
}

// checkProvenance checks the provenance of the fake package.
func checkProvenance(t *testing.T, text []byte, r Release) {
	t.Helper()

	var s struct {
		Type      string `json:"_type"`
		Subject   []struct{ Digest map[string]string }
		Predicate struct {
			BuildDefinition struct {
				ExternalParameters   map[string]string
				ResolvedDependencies []struct{ Digest map[string]string }
			}
		}
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}

	want := append(slices.Collect(maps.Values(r.Images)), r.Digest)

	got := make([]string, 0, len(s.Subject))
	for _, of := range s.Subject {
		got = append(got, "sha256:"+of.Digest["sha256"])
	}

	slices.Sort(want)
	slices.Sort(got)

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subjects: -want, +got:\n%s", diff)
	}

	definition := s.Predicate.BuildDefinition
	if s.Type != "https://in-toto.io/Statement/v1" || definition.ExternalParameters["version"] != "v1.2.3" ||
		definition.ResolvedDependencies[0].Digest["gitCommit"] != commit {
		t.Errorf("the provenance does not say what was built from what: %s", text)
	}
}
