package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/package/release"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

type releaseCmd struct {
	Version      string `env:"VERSION" required:"" help:"Version of the release, such as v1.2.3."`
	Registry     string `env:"REGISTRY" help:"Registry that clusters pull the packages from, such as ghcr.io. Without it, the release is written to _output/release and not pushed."`
	PushRegistry string `env:"PUSH_REGISTRY" help:"Address at which this machine reaches the same registry, if it differs."`
	SigningKey   string `env:"SIGNING_KEY" type:"existingfile" help:"Private key of cosign generate-key-pair; its password is in COSIGN_PASSWORD. Without it, the release is not signed."`
	RekorURL     string `env:"REKOR_URL" default:"https://rekor.sigstore.dev" help:"Transparency log that records the signatures. Crossplane accepts no signature without its receipt. Empty: none."`
}

// Run makes a release of the clone's commit, pushes it if a registry is given, and prints
// its references, or its layouts if it was not pushed.
func (c *releaseCmd) Run(ctx context.Context) error {
	repo, err := tools.RepoDir()
	if err != nil {
		return err
	}

	commit, at, err := head(ctx, repo)
	if err != nil {
		return err
	}

	o := release.Options{
		Repo: repo, Output: filepath.Join(repo, "_output", "release"), Registry: c.Registry,
		Version: c.Version, Commit: commit, Time: at, Progress: os.Stderr,
	}

	if c.SigningKey == "" {
		fmt.Fprintln(os.Stderr, "  SIGNING_KEY is not set: the release is not signed.")
	} else {
		o.Signer = &release.Signer{Key: c.SigningKey, Rekor: c.RekorURL}
	}

	releases, err := release.Make(ctx, o)
	if err != nil {
		return err
	}

	registry := cmp.Or(c.PushRegistry, c.Registry)

	for _, r := range releases {
		if registry == "" {
			fmt.Println(r.Layout + ":" + c.Version)

			continue
		}

		if err := r.Push(ctx, registry+"/"+build.Organization+"/"+r.Name); err != nil {
			return err
		}

		fmt.Println(r.Reference + "@" + r.Digest)
	}

	return nil
}

// head returns the hash of the clone's commit and its time. A clone that differs from its
// commit is an error: what is released must be what the commit says.
func head(ctx context.Context, repo string) (string, time.Time, error) {
	changes, err := git(ctx, repo, "status", "--porcelain")
	if err != nil {
		return "", time.Time{}, err
	}

	if changes != "" {
		return "", time.Time{}, errors.New("cannot release: commit these changes first, or remove them:\n" + changes)
	}

	out, err := git(ctx, repo, "show", "--no-patch", "--format=%H %cI", "HEAD")
	if err != nil {
		return "", time.Time{}, err
	}

	hash, at, _ := strings.Cut(out, " ")

	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("cannot read the time of %s: %w", hash, err)
	}

	return hash, t, nil
}

// git returns the trimmed output of a git command.
func git(ctx context.Context, repo string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = repo

	b, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot run git %s: %w", args[0], err)
	}

	return strings.TrimSpace(string(b)), nil
}
