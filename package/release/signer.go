package release

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cistern-dev/cistern/package/pinned"
)

// Signer signs releases with a key, in cosign's format. The signatures are made by a program
// of its own, so that sigstore's libraries are linked to nothing else.
type Signer struct {
	// Key is the file of the private key, as `cosign generate-key-pair` writes it. Its
	// password is in the environment variable COSIGN_PASSWORD.
	Key string
	// Rekor is the address of the transparency log that records signatures. Crossplane
	// accepts no signature without its receipt. If it is empty, none is recorded.
	Rekor string
}

// SignProgram returns the program that signs.
func SignProgram(repo string) pinned.Program {
	return pinned.Program{
		Name:    "sign",
		Dir:     filepath.Join(repo, "package", "release", "sign"),
		Package: ".",
		Module:  "github.com/sigstore/cosign/v3",
		Label:   "sign (cosign's library)",
	}
}

// Sign adds the signatures of digests to an OCI layout. They name a repository, and hold
// in others too. Repo is the root of the clone.
func (s *Signer) Sign(ctx context.Context, repo, layout, repository string, digests ...string) error {
	return runSign(ctx, repo, nil, append([]string{
		"layout", "--layout", layout, "--repository", repository, "--key", s.Key, "--rekor", s.Rekor,
	}, digests...)...)
}

// NewKeys writes a pair of keys to files whose names are a prefix with .key and .pub, as
// cosign does. Repo is the root of the clone.
func NewKeys(ctx context.Context, repo, prefix, password string) error {
	return runSign(ctx, repo, []string{"COSIGN_PASSWORD=" + password}, "key", "--prefix", prefix)
}

// runSign runs the program that signs with more environment variables.
func runSign(ctx context.Context, repo string, env []string, args ...string) error {
	p := SignProgram(repo)

	dir, err := p.Build(ctx, io.Discard)
	if err != nil {
		return fmt.Errorf("cannot build the program that signs: %w", err)
	}

	var stderr bytes.Buffer

	cmd := exec.CommandContext(ctx, filepath.Join(dir, p.Name), args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), env...), &stderr

	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot sign: %w\n%s", err, stderr.String())
	}

	return nil
}
