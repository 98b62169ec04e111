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
	"strings"
	"time"

	"github.com/cistern-dev/cistern/package/pinned"
)

// ErrMissing reports that this machine lacks the program with which clients are fetched
// or run.
var ErrMissing = errors.New("not on this machine")

// clientPackages provide S3 clients, and the Python modules that they import. Python
// itself is the machine's.
var clientPackages = []string{
	"awscli", "s3cmd", "rclone", "restic",
	"python3-boto3", "python3-botocore", "python3-s3transfer", "python3-awscrt",
	"python3-certifi", "python3-cffi-backend", "python3-chardet", "python3-charset-normalizer", "python3-colorama",
	"python3-cryptography", "python3-dateutil", "python3-distro", "python3-docutils", "python3-idna", "python3-jmespath",
	"python3-magic", "python3-prompt-toolkit", "python3-pyasn1", "python3-requests", "python3-roman", "python3-ruamel.yaml",
	"python3-ruamel.yaml.clib", "python3-six", "python3-urllib3", "python3-wcwidth",
	"libmagic1", "libmagic-mgc",
}

// DebianClients returns the directory below which the S3 clients of Debian are unpacked,
// in the cache. It returns ErrMissing on a machine that is not a Debian with Python.
func DebianClients(ctx context.Context, out io.Writer) (string, error) {
	for _, program := range []string{"apt-get", "/usr/bin/python3"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%s is %w", program, ErrMissing)
		}
	}

	dir, err := cachedPackages(ctx, out, "s3-clients", "aws-cli, s3cmd, rclone, restic, boto3 (Debian)",
		func(string) error { return nil })
	if err != nil {
		return "", fmt.Errorf("cannot get S3 clients from Debian packages: %w", err)
	}

	return dir, nil
}

// servicePackages provide services that keep their data in a bucket, with the libraries that
// a small Debian may lack.
var servicePackages = []string{
	"s3fs", "libfuse2", "docker-registry", "pgbackrest", "postgresql-15", "libpq5", "libxml2", "libicu72", "liblz4-1",
}

// DebianServices returns the directory below which s3fs, docker-registry, pgBackRest and
// PostgreSQL are unpacked, in the cache. It returns ErrMissing on a machine that is not a
// Debian 12: the names of their packages and libraries have versions.
func DebianServices(ctx context.Context, out io.Writer) (string, error) {
	if err := wantDebian12(); err != nil {
		return "", err
	}

	dir, err := cachedPackages(ctx, out, "s3-services", "s3fs, docker-registry, pgBackRest, PostgreSQL (Debian)",
		func(string) error { return nil })
	if err != nil {
		return "", fmt.Errorf("cannot get services from Debian packages: %w", err)
	}

	return dir, nil
}

// nodeClientsEntry is the name of the cache's entry with Node.js modules, and of the directory
// with their versions.
const nodeClientsEntry = "node-clients"

// nodeClients returns the files that pin the versions of Node.js modules, and the key of the
// cache's entry.
func nodeClients(repo string) (files map[string][]byte, key string, err error) {
	files = map[string][]byte{"package.json": nil, "package-lock.json": nil}

	for name := range files {
		if files[name], err = os.ReadFile(filepath.Join(repo, "test", "dev", "tools", nodeClientsEntry, name)); err != nil {
			return nil, "", fmt.Errorf("cannot read the pinned versions: %w", err)
		}
	}

	sum := sha256.Sum256(files["package-lock.json"])

	return files, hex.EncodeToString(sum[:])[:16], nil
}

// wantDebian12 returns ErrMissing on a machine that is not a Debian 12.
func wantDebian12() error {
	release, _ := os.ReadFile("/etc/debian_version") // without the file it is no Debian

	if _, err := exec.LookPath("apt-get"); err != nil || !strings.HasPrefix(string(release), "12.") {
		return fmt.Errorf("debian 12 is %w", ErrMissing)
	}

	return nil
}

// NodeModules returns the directory of Node.js modules with the AWS SDK for JavaScript and
// MinIO's, as package-lock.json in node-clients pins them, in the cache. It returns ErrMissing on a machine
// without Node.js.
func NodeModules(ctx context.Context, out io.Writer) (string, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%s is %w", program, ErrMissing)
		}
	}

	repo, err := RepoDir()
	if err != nil {
		return "", err
	}

	const title = "AWS SDK for JavaScript, minio-js (npm)"

	start := time.Now()

	files, key, err := nodeClients(repo)
	if err != nil {
		return "", err
	}

	dir, cached, err := pinned.Cached(ctx, out, nodeClientsEntry, key, func(tmp string) error {
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(tmp, name), content, 0o644); err != nil {
				return fmt.Errorf("cannot write %s: %w", name, err)
			}
		}

		// No script of any package runs, and each archive must have the pinned digest.
		return run(ctx, tmp, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	})
	if err != nil {
		return "", fmt.Errorf("cannot get S3 clients for Node.js: %w", err)
	}

	state := "cached"
	if !cached {
		state = "fetched in " + time.Since(start).Round(time.Second).String()
	}

	fmt.Fprintf(out, "  %-*s %s\n", pinned.TitleWidth, title, state)

	return filepath.Join(dir, "node_modules"), nil
}
