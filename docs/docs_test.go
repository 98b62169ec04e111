// Package docs checks what the documentation refers to.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"

	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

var (
	// testName matches a test in a text. It may be in a directory: `fn` `TestRunFunction`.
	testName = regexp.MustCompile("(?:`([a-z0-9/]+)` )?`(Test[A-Za-z0-9_]+)")
	// testFunction matches the definition of a test.
	testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(\w \*testing\.[TM]\)`)
)

// tests returns the directories of all tests of the repository, by name.
func tests(t *testing.T) map[string][]string {
	t.Helper()

	const root = ".."

	found := map[string][]string{}

	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		if e.IsDir() && strings.HasPrefix(e.Name(), "_") {
			return fs.SkipDir
		}

		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}

		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}

		dir, err := filepath.Rel(root, filepath.Dir(path))
		for _, m := range testFunction.FindAllSubmatch(b, -1) {
			found[string(m[1])] = append(found[string(m[1])], dir)
		}

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return found
}

// TestSecurityNamesTests checks that each test that security.md names exists where it says, and that
// each row of its tables of protections names one.
func TestSecurityNamesTests(t *testing.T) {
	text, err := os.ReadFile("security.md")
	if err != nil {
		t.Fatal(err)
	}

	all := tests(t)

	// protections reports whether the rows are of a table whose last column names tests.
	protections := false

	for i, line := range strings.Split(string(text), "\n") {
		names := testName.FindAllStringSubmatch(line, -1)
		for _, m := range names {
			dirs, dir := all[m[2]], m[1]
			if len(dirs) == 0 {
				t.Errorf("line %d: %s does not exist", i+1, m[2])
			} else if dir != "" && !contains(dirs, dir) {
				t.Errorf("line %d: %s is in %q, not in %s", i+1, m[2], dirs, dir)
			}
		}

		switch row := strings.HasPrefix(line, "|"); {
		case !row:
			protections = false
		case strings.HasSuffix(line, "| test |"):
			protections = true
		case protections && !strings.HasPrefix(line, "|---") && len(names) == 0:
			t.Errorf("line %d: no test shows this: %s", i+1, line)
		}
	}

	if len(all["TestSecurityNamesTests"]) == 0 {
		t.Error("no tests were found")
	}
}

// TestServersArePinned checks that the table of servers names the releases that tests are built
// from, and the oldest that the provider uses, which is not older than the oldest that is tested.
func TestServersArePinned(t *testing.T) {
	text, err := os.ReadFile("platform.md")
	if err != nil {
		t.Fatal(err)
	}

	_, table, _ := strings.Cut(string(text), "\n## Servers\n")
	table, _, _ = strings.Cut(table, "\n## ")

	releases := make([]string, 0, 3)

	for _, name := range []string{"minio-oldest", "minio"} {
		version, err := tools.Version(name)
		if err != nil {
			t.Fatal(err)
		}

		at, err := module.PseudoVersionTime(version)
		if err != nil {
			t.Fatal(err)
		}

		releases = append(releases, "RELEASE."+at.Format(time.DateOnly))
	}

	if releases[0] > minio.OldestRelease || minio.OldestRelease > releases[1] {
		t.Errorf("%s may be used, but %v are tested", minio.OldestRelease, releases)
	}

	for _, release := range append(releases, minio.OldestRelease) {
		if !strings.Contains(table, release) {
			t.Errorf("the section on servers does not name %s", release)
		}
	}
}

// contains reports whether a directory is among others, or above one of them.
func contains(dirs []string, dir string) bool {
	for _, d := range dirs {
		if d == dir || strings.HasPrefix(d, dir+"/") {
			return true
		}
	}

	return false
}
