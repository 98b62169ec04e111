// Package tools lists the pinned programs that developing and testing Cistern
// needs: Kubernetes, Crossplane, MinIO, the linter and others. Each one has a
// directory here with a go.mod of its own.
package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/cistern-dev/cistern/package/pinned"
)

// programs are the pinned programs by name, which is also the name of their
// directory unless Dir names another one. program completes an entry.
var programs = map[string]pinned.Program{
	"angryjet": {
		Package: "github.com/crossplane/crossplane-tools/cmd/angryjet",
		Module:  "github.com/crossplane/crossplane-tools",
	},
	"aws-sdk-go": {
		Package: ".", Module: "github.com/aws/aws-sdk-go-v2",
		Label: "a program with the AWS SDK for Go v2",
	},
	"coredns": {Package: ".", Module: "github.com/coredns/coredns", Label: "CoreDNS"},
	"crd-ref-docs": {
		Package: "github.com/elastic/crd-ref-docs",
		Module:  "github.com/elastic/crd-ref-docs",
	},
	"crossplane": {
		Package: "github.com/crossplane/crossplane/v2/cmd/crossplane",
		Module:  "github.com/crossplane/crossplane/v2",
		Label:   "Crossplane",
		Stamps: []string{
			// Crossplane checks the version constraints of packages against this version.
			"github.com/crossplane/crossplane-runtime/v2/pkg/version.version=%s",
			// The RBAC manager has no flag for the port of its metrics, which another
			// program of an embedded platform's machine may use. 0 serves none.
			"sigs.k8s.io/controller-runtime/pkg/metrics/server.DefaultBindAddress=0",
		},
	},
	"glauth": {
		Package: "github.com/glauth/glauth/v2",
		Module:  "github.com/glauth/glauth/v2",
		Label:   "GLAuth (an LDAP server)",
	},
	"golangci-lint": {
		Package: "github.com/golangci/golangci-lint/v2/cmd/golangci-lint",
		Module:  "github.com/golangci/golangci-lint/v2",
		Stamps:  []string{"main.version=%s"},
	},
	"gotestsum": {
		Package: "gotest.tools/gotestsum",
		Module:  "gotest.tools/gotestsum",
	},
	"helm": {
		Package: ".",
		Module:  "helm.sh/helm/v3",
		Label:   "Helm's template engine",
	},
	"kube": {
		Package: ".",
		Module:  "k8s.io/kubernetes",
		Label:   "Kubernetes, with etcd and kubectl,",
		Stamps:  []string{"k8s.io/component-base/version.gitVersion=%s"},
		Links:   []string{"kubectl"},
	},
	"mc": {
		Package: "github.com/minio/mc",
		Module:  "github.com/minio/mc",
		Label:   "mc (MinIO's client)",
		Timed:   true,
		Stamps:  []string{"github.com/minio/mc/cmd.Version=%s"},
	},
	"minio": {
		Package: "github.com/minio/minio",
		Module:  "github.com/minio/minio",
		Label:   "MinIO",
		Timed:   true,
		// Clients derive from this which features the server has.
		Stamps: []string{"github.com/minio/minio/cmd.Version=%s"},
	},
	// The oldest release that is supported cannot be built: its module is not served. This
	// is the release before it, under the version of the other one.
	"minio-oldest": {
		Package: "github.com/minio/minio",
		Module:  "github.com/minio/minio",
		Label:   "MinIO, the oldest,",
		Timed:   true,
		Stamps:  []string{"github.com/minio/minio/cmd.Version=2025-10-15T17:29:55Z"},
	},
	"pause": {Package: ".", Label: "pause (the first process of each pod)"},
	"promtool": {
		Package: "github.com/prometheus/prometheus/cmd/promtool",
		Module:  "github.com/prometheus/prometheus",
		// Clients of all clouds, in which Prometheus can look for targets, would be most of it.
		Tags: []string{"remove_all_sd"},
	},
	"rclone": {
		Package: ".", Module: "github.com/rclone/rclone",
		Stamps: []string{"github.com/rclone/rclone/fs.Version=%s"},
	},
	"sigstore": {
		Package: ".", Module: "github.com/sigstore/sigstore",
		Label: "sigstore (a root of trust)",
	},
	"velero": {
		Package: "github.com/vmware-tanzu/velero/cmd/velero",
		Module:  "github.com/vmware-tanzu/velero",
		Label:   "Velero",
		Stamps: []string{
			"github.com/vmware-tanzu/velero/pkg/buildinfo.Version=%s",
			// Its server has no flag for the port of these metrics either.
			"sigs.k8s.io/controller-runtime/pkg/metrics/server.DefaultBindAddress=0",
		},
	},
	"velero-plugin-for-aws": {
		Package: "github.com/vmware-tanzu/velero-plugin-for-aws/velero-plugin-for-aws",
		Module:  "github.com/vmware-tanzu/velero-plugin-for-aws",
		// They share most packages, which are then built once.
		Dir: "velero",
	},
}

// Names returns the names that Build accepts, sorted.
func Names() []string {
	names := slices.Collect(maps.Keys(programs))
	for _, p := range programs {
		names = append(names, p.Links...)
	}

	slices.Sort(names)

	return names
}

// Build returns the path of each named program. Programs that are not in the
// cache are built first: the first build of all of them takes many minutes. It
// writes to out which these are if there are several, one line on each, and further
// ones on each while it is built.
func Build(ctx context.Context, out io.Writer, names ...string) (map[string]string, error) {
	repo, err := RepoDir()
	if err != nil {
		return nil, err
	}

	if err := announce(out, repo, names); err != nil {
		return nil, err
	}

	paths := make(map[string]string, len(names))
	for _, name := range names {
		owner, _ := owner(name)
		if _, done := paths[owner]; !done {
			dir, err := program(repo, owner).Build(ctx, out)
			if err != nil {
				return nil, fmt.Errorf("cannot build %s: %w", owner, err)
			}

			paths[owner] = filepath.Join(dir, owner)
		}

		paths[name] = filepath.Join(filepath.Dir(paths[owner]), name)
	}

	return paths, nil
}

// announce writes which of the named programs have to be built, if there are several.
func announce(out io.Writer, repo string, names []string) error {
	titles := map[string]string{}

	for _, name := range names {
		owner, ok := owner(name)
		if !ok {
			return fmt.Errorf("cannot build %q: it is none of %s", name, strings.Join(Names(), ", "))
		}

		title, missing, err := program(repo, owner).Missing()
		if err != nil {
			return fmt.Errorf("cannot find %s: %w", owner, err)
		}

		if missing {
			titles[owner] = title
		}
	}

	if len(titles) > 1 {
		fmt.Fprintf(out, "  %d programs are not in the cache and are built one after the other: %s\n",
			len(titles), strings.Join(slices.Sorted(maps.Values(titles)), "; "))
	}

	return nil
}

// Entries returns the keys of all entries of the cache that this clone uses, by their names.
func Entries() (map[string]string, error) {
	repo, err := RepoDir()
	if err != nil {
		return nil, err
	}

	entries := map[string]string{}

	for name := range programs {
		if entries[name], err = program(repo, name).Key(); err != nil {
			return nil, err
		}
	}

	for name := range packageSets {
		entries[name] = packagesKey(name)
	}

	_, entries[nodeClientsEntry], err = nodeClients(repo)

	return entries, err
}

// program returns an entry of programs with its name and directory, which is named after
// the program unless the entry says otherwise.
func program(repo, name string) pinned.Program {
	p := programs[name]
	p.Name, p.Dir = name, filepath.Join(repo, "test", "dev", "tools", cmp.Or(p.Dir, name))

	return p
}

// owner returns the name of the entry of programs that provides a name.
func owner(name string) (string, bool) {
	if _, ok := programs[name]; ok {
		return name, true
	}

	for n, p := range programs {
		if slices.Contains(p.Links, name) {
			return n, true
		}
	}

	return "", false
}

// ModuleDir returns the directory of the module that a program is built from,
// for the charts and manifests in it. It downloads the module if need be.
func ModuleDir(ctx context.Context, name string) (string, error) {
	repo, err := RepoDir()
	if err != nil {
		return "", err
	}

	return program(repo, name).ModuleDir(ctx)
}

// Version returns the version of the module that a program is built from.
func Version(name string) (string, error) {
	repo, err := RepoDir()
	if err != nil {
		return "", err
	}

	return program(repo, name).Version()
}

// RepoDir returns the root of the clone that the current directory is in.
func RepoDir() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("cannot find the clone: %w", err)
	}

	for dir := start; ; dir = filepath.Dir(dir) {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modfile.ModulePath(b) == "github.com/cistern-dev/cistern" {
			return dir, nil
		}

		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("cannot find the clone: %w", err)
		}

		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside a clone of Cistern", start)
		}
	}
}
