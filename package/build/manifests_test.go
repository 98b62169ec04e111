package build

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	kyaml "sigs.k8s.io/yaml"
)

// repo is the root of the clone.
var repo = filepath.Join("..", "..")

// licence matches expressions of the SPDX identifiers that the packages use.
var licence = regexp.MustCompile(`^Apache-2\.0( AND AGPL-3\.0-(only|or-later))?$`)

// TestManifests checks that each package says what catalogues of packages show.
func TestManifests(t *testing.T) {
	t.Parallel()

	for _, s := range sources {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()

			b, err := os.ReadFile(filepath.Join(repo, s.dir, "crossplane.yaml"))
			if err != nil {
				t.Fatal(err)
			}

			var m struct {
				Metadata struct {
					Name        string            `json:"name"`
					Annotations map[string]string `json:"annotations"`
				} `json:"metadata"`
			}
			if err := kyaml.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}

			if m.Metadata.Name != s.name {
				t.Errorf("want the name %q, got %q", s.name, m.Metadata.Name)
			}

			for _, key := range []string{
				"friendly-name.meta.crossplane.io", "meta.crossplane.io/maintainer", "meta.crossplane.io/source",
				"meta.crossplane.io/description", "meta.crossplane.io/readme",
			} {
				if strings.TrimSpace(m.Metadata.Annotations[key]) == "" {
					t.Errorf("the annotation %s is missing", key)
				}
			}

			if l := m.Metadata.Annotations["meta.crossplane.io/license"]; !licence.MatchString(l) {
				t.Errorf("%q is no licence by its SPDX identifiers", l)
			}
		})
	}
}

// TestStage checks that a staged package has its examples in a directory of their own, and that
// for a release the registry and the lowest versions of dependencies are replaced in all files.
func TestStage(t *testing.T) {
	t.Parallel()

	o := Options{Repo: repo, Output: t.TempDir(), Registry: "registry.example.org/team", Version: "v1.2.3"}

	for _, s := range sources {
		root, err := stage(s, o)
		if err != nil {
			t.Fatal(err)
		}

		examples, err := os.ReadDir(filepath.Join(root, examplesDir))
		if err != nil || len(examples) == 0 {
			t.Errorf("%s: no examples: %v", s.name, err)
		}

		err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}

			b, err := os.ReadFile(path)
			for _, text := range []string{DefaultRegistry + "/" + Organization, "v0.1.0-0"} {
				if strings.Contains(string(b), text) {
					t.Errorf("%s has %q still", path, text)
				}
			}

			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
