// Command sign signs the contents of an OCI layout with a key, with the library that
// cosign consists of: the signatures are those that cosign would make. It adds them to the
// layout under the tags at which cosign and Crossplane look for them.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	rekor "github.com/sigstore/rekor/pkg/client"

	"github.com/sigstore/cosign/v3/pkg/cosign"
	"github.com/sigstore/cosign/v3/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v3/pkg/oci/empty"
	"github.com/sigstore/cosign/v3/pkg/oci/mutate"
	"github.com/sigstore/cosign/v3/pkg/oci/static"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

type cli struct {
	Layout layoutCmd `cmd:"" help:"Add the signatures of digests to an OCI layout."`
	Key    keyCmd    `cmd:"" help:"Make a pair of keys, as cosign generate-key-pair does."`
}

func main() {
	k := kong.Parse(&cli{}, kong.Name("sign"), kong.Description("Sign the contents of an OCI layout."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	k.FatalIfErrorf(k.Run())
}

type keyCmd struct {
	Password string `help:"Password of the private key." env:"COSIGN_PASSWORD"`
	Prefix   string `help:"Beginning of the files' paths, to which .key and .pub are added." default:"cosign" type:"path"`
}

// Run writes a pair of keys.
func (c *keyCmd) Run() error {
	keys, err := cosign.GenerateKeyPair(func(bool) ([]byte, error) { return []byte(c.Password), nil })
	if err != nil {
		return fmt.Errorf("cannot make keys: %w", err)
	}
	if err := os.WriteFile(c.Prefix+".key", keys.PrivateBytes, 0o600); err != nil {
		return fmt.Errorf("cannot write the private key: %w", err)
	}
	return os.WriteFile(c.Prefix+".pub", keys.PublicBytes, 0o644)
}

type layoutCmd struct {
	Layout     string   `help:"Directory of the layout." required:"" type:"existingdir"`
	Repository string   `help:"Repository that the signatures name, such as ghcr.io/org/name." required:""`
	Key        string   `help:"File of the private key, as cosign generate-key-pair writes it." required:"" type:"existingfile"`
	Password   string   `help:"Password of the key." env:"COSIGN_PASSWORD"`
	Rekor      string   `help:"Address of the transparency log. Without it no signature is recorded."`
	Digests    []string `arg:"" help:"Digests to sign."`
}

// Run signs the digests.
func (c *layoutCmd) Run(ctx context.Context) error {
	text, err := os.ReadFile(c.Key)
	if err != nil {
		return fmt.Errorf("cannot read the key: %w", err)
	}
	key, err := cosign.LoadPrivateKey(text, []byte(c.Password), nil)
	if err != nil {
		return fmt.Errorf("cannot use the key %q: %w", c.Key, err)
	}
	l, err := layout.FromPath(c.Layout)
	if err != nil {
		return fmt.Errorf("cannot open the layout %q: %w", c.Layout, err)
	}
	for _, d := range c.Digests {
		if err := c.sign(ctx, l, key, d); err != nil {
			return fmt.Errorf("cannot sign %q: %w", d, err)
		}
	}
	return nil
}

// sign adds the signature of a digest to a layout.
func (c *layoutCmd) sign(ctx context.Context, l layout.Path, key signature.SignerVerifier, digest string) error {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return err
	}
	ref, err := name.NewDigest(c.Repository + "@" + digest)
	if err != nil {
		return err
	}
	text, err := payload.Cosign{Image: ref}.MarshalJSON()
	if err != nil {
		return err
	}
	sig, err := key.SignMessage(bytes.NewReader(text))
	if err != nil {
		return err
	}
	var opts []static.Option
	if c.Rekor != "" {
		receipt, err := c.record(ctx, key, text, sig)
		if err != nil {
			return fmt.Errorf("cannot record the signature in %s: %w", c.Rekor, err)
		}
		opts = append(opts, static.WithBundle(receipt))
	}
	layer, err := static.NewSignature(text, base64.StdEncoding.EncodeToString(sig), opts...)
	if err != nil {
		return err
	}
	signatures, err := mutate.AppendSignatures(empty.Signatures(), false, layer)
	if err != nil {
		return err
	}
	tag := hash.Algorithm + "-" + hash.Hex + ".sig"
	return l.AppendImage(signatures, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag}))
}

// record records a signature in the transparency log, and returns the log's receipt.
func (c *layoutCmd) record(ctx context.Context, key signature.SignerVerifier, text, sig []byte) (*bundle.RekorBundle, error) {
	client, err := rekor.GetRekorClient(c.Rekor)
	if err != nil {
		return nil, err
	}
	k, err := key.PublicKey()
	if err != nil {
		return nil, err
	}
	public, err := cryptoutils.MarshalPublicKeyToPEM(k)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	sum.Write(text)
	entry, err := cosign.TLogUpload(ctx, client, sig, sum, public)
	if err != nil {
		return nil, err
	}
	receipt := bundle.EntryToBundle(entry)
	if receipt == nil {
		return nil, fmt.Errorf("it gave no receipt")
	}
	return receipt, nil
}
