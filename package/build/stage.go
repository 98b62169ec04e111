package build

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// examplesDir is the directory of a staged package's examples. They become a layer of
// their own, which Crossplane does not read and catalogues of packages show.
const examplesDir = "examples"

// stage copies a package's manifests and examples to a directory of the output, and
// returns that. It replaces the registry of the dependencies, and for a release also
// their lowest version.
func stage(s source, o Options) (string, error) {
	from, to := filepath.Join(o.Repo, s.dir), filepath.Join(o.Output, "stage", s.name)
	if err := os.RemoveAll(to); err != nil {
		return "", err
	}

	replace := []string{DefaultRegistry + "/" + Organization, o.Registry + "/" + Organization}
	if !strings.HasSuffix(o.Version, "-dev") {
		replace = append(replace, `">=v0.1.0-0"`, `">=`+o.Version+`"`)
	}

	for _, d := range sources {
		replace = append(replace, "name: "+InstalledName(DefaultRegistry, d.name), "name: "+InstalledName(o.Registry, d.name))
	}

	replacer := strings.NewReplacer(replace...)

	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}

		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}

		if rel == "composition.yaml" && o.Composition != "" {
			path = o.Composition
		}

		return copyFile(filepath.Join(to, rel), path, replacer)
	})
	if err != nil {
		return to, err
	}

	return to, stageExamples(s, o, to, replacer)
}

// stageExamples copies a package's examples.
func stageExamples(s source, o Options, to string, replacer *strings.Replacer) error {
	for _, pattern := range s.examples {
		files, err := filepath.Glob(filepath.Join(o.Repo, examplesDir, pattern))
		if err != nil || len(files) == 0 {
			return fmt.Errorf("cannot find the examples %q: %w", pattern, cmp.Or(err, os.ErrNotExist))
		}

		for _, f := range files {
			if err := copyFile(filepath.Join(to, examplesDir, filepath.Base(f)), f, replacer); err != nil {
				return err
			}
		}
	}

	return nil
}

// copyFile copies a text with replacements, and makes the directories above the copy.
func copyFile(to, from string, replacer *strings.Replacer) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}

	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}

	return os.WriteFile(to, []byte(replacer.Replace(string(b))), 0o600)
}

// version returns the tag of a package. That of a development version ends in a
// hash of the package's content, so that a cluster upgrades to changed content.
func version(v, root, program string) (string, error) {
	if !strings.HasSuffix(v, "-dev") {
		return v, nil
	}

	h := sha256.New()

	add := func(path string) error {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}

		_, err = fmt.Fprintf(h, "%d\n%s", len(b), b)

		return err
	}

	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}

		return add(path)
	})
	if err == nil && program != "" {
		err = add(program)
	}

	return v + "-" + hex.EncodeToString(h.Sum(nil))[:12], err
}
