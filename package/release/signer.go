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

// sign adds the signatures of digests to a release's layout.
func (s *Signer) sign(ctx context.Context, o Options, r Release, digests []string) error {
	p := SignProgram(o.Repo)

	dir, err := p.Build(ctx, io.Discard)
	if err != nil {
		return fmt.Errorf("cannot build the program that signs: %w", err)
	}

	var stderr bytes.Buffer

	args := []string{"--layout", r.Layout, "--repository", o.repository(r.Name), "--key", s.Key, "--rekor", s.Rekor}

	cmd := exec.CommandContext(ctx, filepath.Join(dir, p.Name), append(args, digests...)...)
	cmd.Env, cmd.Stderr = os.Environ(), &stderr

	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot sign: %w\n%s", err, stderr.String())
	}

	return nil
}
