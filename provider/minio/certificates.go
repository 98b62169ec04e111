package minio

import (
	"encoding/pem"
	"strings"
)

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
