// Package advisories knows the modules of which some versions have known holes,
// and refuses those versions. It asks nobody: floors.txt is the whole table.
package advisories

import (
	"debug/buildinfo"
	_ "embed" // The table.
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

//go:embed floors.txt
var floors string

// floor is the lowest version of a module without known holes.
type floor struct {
	module, version string
	// mends are the advisories that earlier versions have.
	mends []string
}

// parse reads a table in the form of floors.txt.
func parse(table string) ([]floor, error) {
	var parsed []floor

	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}

		if len(f) < 3 || !semver.IsValid(f[1]) {
			return nil, fmt.Errorf("cannot read the row %q: want a module, a version and advisories", strings.TrimSpace(line))
		}

		parsed = append(parsed, floor{module: f[0], version: f[1], mends: f[2:]})
	}

	return parsed, nil
}

// CheckModules returns an error that names each module of a go.mod that has known
// holes, with its advisories and the version that mends them. A go.mod of Go
// 1.17 or later lists all modules that programs link.
func CheckModules(gomod []byte) error {
	f, err := modfile.Parse("go.mod", gomod, nil)
	if err != nil {
		return fmt.Errorf("cannot read go.mod: %w", err)
	}

	versions := make(map[string]string, len(f.Require))
	for _, r := range f.Require {
		versions[r.Mod.Path] = r.Mod.Version
	}

	for _, r := range f.Replace {
		if _, ok := versions[r.Old.Path]; ok {
			versions[r.Old.Path] = r.New.Version
		}
	}

	return check(versions)
}

// CheckProgram does the same for the modules that a Go program is built from.
func CheckProgram(file string) error {
	versions, err := modules(file)
	if err != nil {
		return err
	}

	return check(versions)
}

// modules returns the versions of the modules that a Go program is built from.
func modules(file string) (map[string]string, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read what %q is built from: %w", file, err)
	}

	versions := make(map[string]string, len(info.Deps))

	for _, d := range info.Deps {
		versions[d.Path] = d.Version
		if d.Replace != nil {
			versions[d.Path] = d.Replace.Version
		}
	}

	return versions, nil
}

// check compares versions by module with the table.
func check(versions map[string]string) error {
	table, err := parse(floors)
	if err != nil {
		return err
	}

	var errs []error

	for _, f := range table {
		if v, ok := versions[f.module]; ok && semver.Compare(v, f.version) < 0 {
			errs = append(errs, fmt.Errorf("%s %s has known holes (%s): use %s or later",
				f.module, v, strings.Join(f.mends, ", "), f.version))
		}
	}

	return errors.Join(errs...)
}
