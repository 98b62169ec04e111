package minio

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	certificateA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	certificateB = "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n"
	privateKey   = "-----BEGIN PRIVATE KEY-----\nCCCC\n-----END PRIVATE KEY-----\n"
)

// TestCertificates wants what is handed to users of buckets to hold certificates only.
func TestCertificates(t *testing.T) {
	cases := map[string]struct {
		reason       string
		bundle, want string
	}{
		"Empty":      {reason: "Nothing is nothing."},
		"NoPEM":      {reason: "Text is no certificate.", bundle: "a certificate"},
		"One":        {reason: "A certificate is kept as it is.", bundle: certificateA, want: certificateA},
		"Several":    {reason: "So are several, in their order.", bundle: certificateB + certificateA, want: certificateB + certificateA},
		"PrivateKey": {reason: "A private key is never handed out.", bundle: certificateA + privateKey + certificateB, want: certificateA + certificateB},
		"KeyOnly":    {reason: "A private key is no certificate.", bundle: privateKey},
		"Comments":   {reason: "Comments of a bundle are dropped.", bundle: "# issuer: a\n" + certificateA + "\n\nsubject=b\n" + certificateB, want: certificateA + certificateB},
		"Windows":    {reason: "Line ends are those of PEM.", bundle: strings.ReplaceAll(certificateA, "\n", "\r\n"), want: certificateA},
		"Headers": {
			reason: "A certificate with headers is not trusted, so it is not handed out.",
			bundle: "-----BEGIN CERTIFICATE-----\nNote: x\n\nAAAA\n-----END CERTIFICATE-----\n",
		},
		"CutOff": {reason: "What has no end is dropped.", bundle: certificateA + "-----BEGIN CERTIFICATE-----\nBBBB\n", want: certificateA},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, certificates(tc.bundle)); diff != "" {
				t.Errorf("%s\ncertificates(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestServerHandsOutItsCertificates wants a server to hand out the authorities that it
// is trusted by.
func TestServerHandsOutItsCertificates(t *testing.T) {
	secure := httptest.NewTLSServer(nil)
	defer secure.Close()

	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))

	srv, err := New(Config{Endpoint: secure.URL, CABundle: "# of the platform\n" + authority + privateKey})
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(authority, srv.CACertificates); diff != "" || !x509.NewCertPool().AppendCertsFromPEM([]byte(srv.CACertificates)) {
		t.Errorf("New(...): -want certificates, +got certificates:\n%s", diff)
	}
}
