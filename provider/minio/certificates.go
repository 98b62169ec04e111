package minio

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	// The public authorities, for images without certificates. Those of the system come first.
	_ "golang.org/x/crypto/x509roots/fallback"
)

// roots returns the certificate authorities that a server's certificate may be signed by; nil
// means the public ones.
func roots(c Config) (*x509.CertPool, error) {
	if c.CABundle == "" {
		return nil, nil
	}

	pool := x509.NewCertPool()

	if !c.OnlyCABundle {
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			return nil, fmt.Errorf("cannot read the public certificate authorities: %w", err)
		}
	}

	if !pool.AppendCertsFromPEM([]byte(c.CABundle)) {
		return nil, errors.New("the CA bundle holds no PEM certificate")
	}

	return pool, nil
}

// certificates returns the certificates of a PEM bundle, and nothing else of it: a
// bundle may hold comments, or a private key, which users of buckets must not get.
// Like crypto/x509 it ignores certificates with headers.
func certificates(bundle string) string {
	var b strings.Builder

	for rest := []byte(bundle); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return b.String()
		}

		if block.Type == "CERTIFICATE" && len(block.Headers) == 0 {
			_ = pem.Encode(&b, block) // A Builder takes everything.
		}
	}
}
