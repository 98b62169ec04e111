package release

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"golang.org/x/mod/semver"

	"github.com/cistern-dev/cistern/package/build"
)

// Architectures are the processors that releases are for, by Go's names.
var Architectures = []string{"amd64", "arm64"}

// fullCommit matches the full hash of a commit.
var fullCommit = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Options of Make.
type Options struct {
	// Repo is the root of the clone, in which nothing differs from Commit.
	Repo string
	// Output is the directory for programs, package files and layouts.
	Output string
	// Registry is where clusters pull the packages from; default build.DefaultRegistry.
	Registry string
	// Version of the release, such as v1.2.3. One that ends in -dev is an error.
	Version string
	// Commit is the full hash of the commit that is released.
	Commit string
	// Time of the commit, which the lists of contents give as their own.
	Time time.Time
	// Architectures are the processors to build for; default all of Architectures.
	Architectures []string
	// Only limits the packages to those of these names; default all.
	Only []string
	// Signer signs the release. If it is nil, the release is not signed.
	Signer *Signer
	// Progress gets a line for each package.
	Progress io.Writer
}

// repository returns the repository of a package.
func (o Options) repository(name string) string {
	return o.Registry + "/" + build.Organization + "/" + name
}

// complete checks the options and sets those with defaults.
func (o Options) complete() (Options, error) {
	if o.Registry == "" {
		o.Registry = build.DefaultRegistry
	}

	if len(o.Architectures) == 0 {
		o.Architectures = Architectures
	}

	// A development version gets another tag with each content; a part of a version would
	// be ambiguous.
	if semver.Canonical(o.Version) != o.Version || semver.Prerelease(o.Version) == "-dev" {
		return o, fmt.Errorf("cannot release %q: want a version such as v1.2.3 or v1.2.3-rc.1", o.Version)
	}

	if !fullCommit.MatchString(o.Commit) || o.Time.IsZero() {
		return o, errors.New("cannot release without a commit and its time")
	}

	return o, nil
}
