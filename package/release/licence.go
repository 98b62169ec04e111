package release

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/licensecheck"
	"golang.org/x/mod/module"
)

// licenceNames are the beginnings of names of files with licences, in lower case.
var licenceNames = []string{"license", "licence", "copying", "unlicense"}

// programs are extensions of files that are named after licences and hold none.
var programs = []string{".go", ".py", ".sh", ".json", ".yml", ".yaml"}

// wellCovered is how many percent of a file's words must be those of known licences.
const wellCovered = 75

// moduleCache returns the directory of downloaded modules.
var moduleCache = sync.OnceValues(func() (string, error) {
	b, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return "", fmt.Errorf("cannot find the modules: %w", err)
	}

	return strings.TrimSpace(string(b)), nil
})

// licence returns the SPDX expression of the licences in the root of a module, which was
// downloaded since a program links it. It is NOASSERTION if there is a text that is not
// known: an expression must not leave out a condition.
func licence(modulePath, version string) (string, error) {
	cache, err := moduleCache()
	if err != nil {
		return "", err
	}

	escaped, err := module.EscapePath(modulePath)
	if err != nil {
		return "", fmt.Errorf("cannot find the module %s: %w", modulePath, err)
	}

	escapedVersion, err := module.EscapeVersion(version)
	if err != nil {
		return "", fmt.Errorf("cannot find the module %s: %w", modulePath, err)
	}

	dir := filepath.Join(cache, filepath.FromSlash(escaped)+"@"+escapedVersion)

	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("cannot find the licence of %s: %w", modulePath, err)
	}

	var ids []string

	for _, e := range entries {
		if !isLicence(e) {
			continue
		}

		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", fmt.Errorf("cannot read the licence of %s: %w", modulePath, err)
		}

		known := identify(text)
		if len(known) == 0 {
			return noAssertion, nil
		}

		ids = append(ids, known...)
	}

	if len(ids) == 0 {
		return noAssertion, nil
	}

	slices.Sort(ids)

	return strings.Join(slices.Compact(ids), " AND "), nil
}

func isLicence(e os.DirEntry) bool {
	return e.Type().IsRegular() && !slices.Contains(programs, filepath.Ext(e.Name())) && slices.ContainsFunc(licenceNames, func(prefix string) bool {
		return strings.HasPrefix(strings.ToLower(e.Name()), prefix)
	})
}

// identify returns the SPDX identifiers of the licences in a text; none if much of it is
// of no known licence.
func identify(text []byte) []string {
	cover := licensecheck.Scan(text)
	if cover.Percent < wellCovered {
		return nil
	}

	var ids []string

	for _, m := range cover.Match {
		if m.IsURL {
			continue
		}

		switch m.ID {
		// These texts are the same with and without the words "or later", which stand in
		// the headers of source files.
		case "AGPL-3.0", "GPL-2.0", "GPL-3.0", "LGPL-2.1", "LGPL-3.0":
			ids = append(ids, m.ID+"-only")
		default:
			ids = append(ids, m.ID)
		}
	}

	return ids
}
