package pki

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestServer(t *testing.T) {
	t.Parallel()

	ca := newCA(t)

	pair, err := ca.Server("server", "minio.minio.svc", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}

	cases := map[string]struct {
		reason string
		roots  *CA
		name   string
		valid  bool
	}{
		"Name":    {reason: "The certificate is valid for a requested name.", roots: ca, name: "minio.minio.svc", valid: true},
		"Address": {reason: "The certificate is valid for a requested address.", roots: ca, name: "127.0.0.1", valid: true},
		"Other":   {reason: "The certificate is not valid for another name.", roots: ca, name: "minio"},
		"OtherCA": {reason: "The certificate is not valid with another CA.", roots: newCA(t), name: "127.0.0.1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(tc.roots.Cert)

			_, err := leaf(t, pair).Verify(x509.VerifyOptions{DNSName: tc.name, Roots: roots})
			if (err == nil) != tc.valid {
				t.Errorf("%s\nVerify(): %v", tc.reason, err)
			}
		})
	}
}

func TestClient(t *testing.T) {
	t.Parallel()

	ca := newCA(t)

	pair, err := ca.Client("system:node:x", "system:nodes")
	if err != nil {
		t.Fatal(err)
	}

	cert := leaf(t, pair)
	got := append([]string{cert.Subject.CommonName}, cert.Subject.Organization...)
	if diff := cmp.Diff([]string{"system:node:x", "system:nodes"}, got); diff != "" {
		t.Errorf("Client(): user and groups: -want, +got:\n%s", diff)
	}

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.Cert)

	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("Client(): the certificate is valid for a server, too")
	}
}

func newCA(t *testing.T) *CA {
	t.Helper()

	ca, err := NewCA("test")
	if err != nil {
		t.Fatal(err)
	}

	return ca
}

// leaf parses a pair, and checks that certificate and key belong together.
func leaf(t *testing.T, p Pair) *x509.Certificate {
	t.Helper()

	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}

	return pair.Leaf
}
