package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// stage copies a package's manifests to a directory of the output, and returns
// that. It replaces the registry of the dependencies, and for a release also
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

	return to, filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
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

		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}

		dst := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(dst), 0o750); err != nil {
			return err
		}

		return os.WriteFile(dst, []byte(replacer.Replace(string(b))), 0o600)
	})
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
