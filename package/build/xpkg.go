package build

import (
	"path/filepath"

	"github.com/cistern-dev/cistern/package/pinned"
)

// xpkgProgram returns the program that writes package files.
func xpkgProgram(repo string) pinned.Program {
	return pinned.Program{
		Name:    "xpkg",
		Dir:     filepath.Join(repo, "package", "build", "xpkg"),
		Package: ".",
		Module:  "github.com/crossplane/crossplane-runtime/v2",
		Label:   "xpkg (package builder)",
	}
}

// Entry returns the name and the key of the cache's entry that building packages uses.
func Entry(repo string) (name, key string, err error) {
	p := xpkgProgram(repo)
	key, err = p.Key()

	return p.Name, key, err
}
