package minio

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
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

// TestPublicAuthorities wants public authorities to be trusted where the system has none, as in
// the provider's image. The system's are read once, so another process has none.
func TestPublicAuthorities(t *testing.T) {
	if os.Getenv("TEST_WITHOUT_SYSTEM_ROOTS") != "" {
		for name, c := range map[string]Config{"alone": {}, "beside a bundle": {CABundle: bundleOf(t)}} {
			pool, err := roots(c)
			if pool == nil && err == nil {
				pool, err = x509.SystemCertPool()
			}

			if err != nil || len(pool.Subjects()) < 100 { //nolint:staticcheck // The pool is not the system's.
				t.Errorf("want the public authorities %s, got %v, %v", name, pool, err)
			}
		}

		if pool, err := roots(Config{CABundle: bundleOf(t), OnlyCABundle: true}); err != nil || len(pool.Subjects()) != 1 { //nolint:staticcheck // The same.
			t.Errorf("want the bundle only, got %v, %v", pool, err)
		}

		return
	}

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestPublicAuthorities$")
	cmd.Env = append(os.Environ(), "TEST_WITHOUT_SYSTEM_ROOTS=1", "SSL_CERT_FILE=/dev/null", "SSL_CERT_DIR=/dev/null")

	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// bundleOf returns a bundle of one certificate.
func bundleOf(t *testing.T) string {
	t.Helper()

	secure := httptest.NewTLSServer(nil)
	defer secure.Close()

	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
}
