package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/cistern-dev/cistern/package/pinned"
)

// debianPackages provide what cannot be built with Go alone: the container
// runtime, the CNI plugins, nft for kube-proxy, and jq. Each is followed by the
// libraries that it links and that a small Debian may lack.
//
// Their versions are those of the Debian release of this machine: its mirrors
// keep no others.
var debianPackages = []string{
	"containerd", "runc", "containernetworking-plugins",
	"nftables", "libnftables1", "libnftnl11", "libmnl0", "libxtables12",
	"libedit2", "libbsd0", "libmd0", "libtinfo6", "libjansson4", "libgmp10",
	"jq", "libjq1", "libonig5",
}

// packageSets are the sets of Debian packages in the cache, by the names of their entries.
var packageSets = map[string][]string{
	"debian": debianPackages, "s3-clients": clientPackages, "s3-services": servicePackages, "chromium": chromiumPackages,
}

// Programs are the programs that come from Debian packages, or from the host.
type Programs struct {
	// Containerd, Runc and Jq are paths of executables.
	Containerd, Runc, Jq string
	// CNI is the directory with the network plugins.
	CNI string
	// Path and Libraries go in front of PATH and LD_LIBRARY_PATH of a process that
	// runs Containerd, or nft by its name. Both may be empty.
	Path, Libraries string
}

// Env returns the environment variables that the programs need.
func (p Programs) Env() []string {
	env := []string{"PATH=" + strings.Trim(p.Path+":"+os.Getenv("PATH"), ":")}
	if p.Libraries != "" {
		env = append(env, "LD_LIBRARY_PATH="+p.Libraries)
	}

	return env
}

// Debian returns the programs, unpacked from Debian packages into the cache.
// Nothing is installed on the host. A host without apt-get must have them in
// PATH.
func Debian(ctx context.Context, out io.Writer) (Programs, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fromHost()
	}

	const title = "containerd, runc, CNI plugins, nft, jq (Debian)"

	dir, err := cachedPackages(ctx, out, "debian", title, writeJq)
	if err != nil {
		return Programs{}, fmt.Errorf("cannot get the container runtime from Debian packages: %w", err)
	}

	return unpacked(dir)
}

// packagesKey returns the key of the cache's entry with a set of packages.
func packagesKey(name string) string {
	release, _ := os.ReadFile("/etc/debian_version") // a derivative may lack the file; the key then has no release
	sum := sha256.Sum256([]byte(strings.Join(packageSets[name], " ") + string(release) + runtime.GOARCH))

	return hex.EncodeToString(sum[:])[:16]
}

// cachedPackages returns the directory of the cache's entry with a set of packages, unpacked.
// A missing entry is made, and complete changes it before it is used.
func cachedPackages(ctx context.Context, out io.Writer, name, title string, complete func(dir string) error) (string, error) {
	start := time.Now()

	dir, cached, err := pinned.Cached(ctx, out, name, packagesKey(name), func(tmp string) error {
		if err := unpack(ctx, tmp, packageSets[name]); err != nil {
			return err
		}

		return complete(tmp)
	})
	if err != nil {
		return "", err
	}

	if cached {
		fmt.Fprintf(out, "  %-*s cached\n", pinned.TitleWidth, title)
	} else {
		fmt.Fprintf(out, "  %-*s unpacked in %s\n", pinned.TitleWidth, title, time.Since(start).Round(time.Second))
	}

	return dir, nil
}

// unpack downloads packages and unpacks them below dir.
func unpack(ctx context.Context, dir string, packages []string) error {
	debs := filepath.Join(dir, "debs")
	if err := os.Mkdir(debs, 0o755); err != nil {
		return fmt.Errorf("cannot make a directory: %w", err)
	}

	download := append([]string{"apt-get", "download", "-q"}, packages...)
	if err := run(ctx, debs, download...); err != nil {
		// The package lists may be missing, or older than the mirror.
		if err := run(ctx, debs, "apt-get", "update", "-q"); err != nil {
			return err
		}

		if err := run(ctx, debs, download...); err != nil {
			return err
		}
	}

	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return fmt.Errorf("cannot list the packages: %w", err)
	}

	for _, f := range files {
		if err := run(ctx, dir, "dpkg", "-x", f, dir); err != nil {
			return err
		}
	}

	if err := os.RemoveAll(debs); err != nil {
		return fmt.Errorf("cannot remove the packages: %w", err)
	}

	return nil
}

// writeJq writes a program that runs the unpacked jq.
func writeJq(dir string) error {
	// People and tests run jq without Env, so it has to find its libraries itself.
	const wrapper = `#!/bin/sh
root=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu*) exec "$root/usr/bin/jq" "$@"
`
	if err := os.WriteFile(filepath.Join(dir, "jq"), []byte(wrapper), 0o755); err != nil {
		return fmt.Errorf("cannot write jq: %w", err)
	}

	return nil
}

// unpacked returns the programs in a directory of unpacked packages.
func unpacked(dir string) (Programs, error) {
	libs, err := filepath.Glob(filepath.Join(dir, "usr/lib/*-linux-gnu*"))
	if err != nil || len(libs) != 1 {
		return Programs{}, fmt.Errorf("cannot find the libraries of the Debian packages in %s", dir)
	}

	bin, sbin := filepath.Join(dir, "usr/bin"), filepath.Join(dir, "usr/sbin")

	return Programs{
		Containerd: filepath.Join(bin, "containerd"),
		Runc:       filepath.Join(sbin, "runc"),
		Jq:         filepath.Join(dir, "jq"),
		CNI:        filepath.Join(dir, "usr/lib/cni"),
		Path:       sbin + ":" + bin,
		// Before usr-merge, libraries of the base system were in /lib.
		Libraries: libs[0] + ":" + filepath.Join(dir, "lib", filepath.Base(libs[0])),
	}, nil
}

// fromHost returns the programs in PATH, installed from packages of another
// distribution.
func fromHost() (Programs, error) {
	var missing []string

	find := func(name string) string {
		p, err := exec.LookPath(name)
		if err != nil {
			missing = append(missing, name)
		}

		return p
	}
	p := Programs{Containerd: find("containerd"), Runc: find("runc"), Jq: find("jq")}
	find("containerd-shim-runc-v2")
	find("nft")

	for _, dir := range []string{"/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"} {
		_, errPTP := os.Stat(filepath.Join(dir, "ptp"))

		_, errIPAM := os.Stat(filepath.Join(dir, "host-local"))
		if errPTP == nil && errIPAM == nil {
			p.CNI = dir
		}
	}

	if p.CNI == "" {
		missing = append(missing, "the CNI plugins ptp and host-local (in /opt/cni/bin)")
	}

	if len(missing) > 0 {
		return Programs{}, errors.New("there is no apt-get to fetch the container runtime with: install these programs, and put them in PATH: " +
			strings.Join(missing, ", "))
	}

	return p, nil
}

// run runs a command in dir. Its output is part of the error if it fails.
func run(ctx context.Context, dir string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)

	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv[:2], " "), err, out)
	}

	return nil
}
