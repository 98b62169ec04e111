// Command sigstore makes a root of trust as sigstore publishes it, and installs it in a
// cache from which sigstore's libraries read it without a network. It trusts one
// transparency log. Of the authorities that sign keyless signatures it has a certificate
// and a key that nobody uses, since the libraries do not start without them.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	sigtuf "github.com/sigstore/sigstore/pkg/tuf"
	"github.com/theupdateframework/go-tuf"
)

type cli struct {
	Rekor      string `help:"File of the transparency log's public key." required:"" type:"existingfile"`
	Repository string `help:"Directory to make the root of trust in." required:"" type:"path"`
	Cache      string `help:"Directory to install it in." required:"" type:"path"`
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("sigstore"), kong.Description("Make a root of trust for tests."))
	k.FatalIfErrorf(c.run())
}

func (c *cli) run() error {
	rekor, err := os.ReadFile(c.Rekor)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	public, err := cryptoutils.MarshalPublicKeyToPEM(key.Public())
	if err != nil {
		return err
	}
	certificate, err := selfSigned(key)
	if err != nil {
		return err
	}
	root, err := c.publish(map[string]target{
		"rekor.pub":      {sigtuf.Rekor, rekor},
		"ctfe.pub":       {sigtuf.CTFE, public},
		"fulcio.crt.pem": {sigtuf.Fulcio, certificate},
	})
	if err != nil {
		return fmt.Errorf("cannot make the root of trust: %w", err)
	}
	if err := os.Setenv(sigtuf.TufRootEnv, c.Cache); err != nil {
		return err
	}
	return sigtuf.Initialize(context.Background(), "file://"+filepath.Join(c.Repository, "repository"), root)
}

// target is a file that is published, and what it is for.
type target struct {
	usage   sigtuf.UsageKind
	content []byte
}

// publish makes a repository of The Update Framework, and returns its root.
func (c *cli) publish(targets map[string]target) ([]byte, error) {
	store := tuf.FileSystemStore(c.Repository, nil)
	repo, err := tuf.NewRepo(store)
	if err != nil {
		return nil, err
	}
	if err := repo.Init(false); err != nil {
		return nil, err
	}
	for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
		if _, err := repo.GenKey(role); err != nil {
			return nil, err
		}
	}
	staged := filepath.Join(c.Repository, "staged", "targets")
	if err := os.MkdirAll(staged, 0o755); err != nil {
		return nil, err
	}
	for name, t := range targets {
		if err := os.WriteFile(filepath.Join(staged, name), t.content, 0o600); err != nil {
			return nil, err
		}
		custom, err := json.Marshal(map[string]any{"sigstore": map[string]any{"usage": t.usage, "status": sigtuf.Active}})
		if err != nil {
			return nil, err
		}
		if err := repo.AddTarget(name, custom); err != nil {
			return nil, err
		}
	}
	for _, step := range []func() error{repo.Snapshot, repo.Timestamp, repo.Commit} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	meta, err := store.GetMeta()
	if err != nil {
		return nil, err
	}
	return meta["root.json"], nil
}

// selfSigned returns a certificate of a key by itself.
func selfSigned(key *ecdsa.PrivateKey) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return cryptoutils.MarshalCertificateToPEM(c)
}
