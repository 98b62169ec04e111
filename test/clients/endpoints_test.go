//go:build e2e

package clients

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubernetes "sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/component"
)

// farRegion is the region of the second server.
const farRegion = "eu-cistern-7"

// publish has Secrets name the server's host by its name, as those of a cluster do: some
// clients verify no certificate for an address. They hold several certificates, of which
// one has expired.
func publish(ctx context.Context, env *component.Env) error {
	config := &miniov1alpha1.ClusterProviderConfig{}
	if err := env.Kube.Get(ctx, kubernetes.ObjectKey{Name: "default"}, config); err != nil {
		return err
	}

	expired, err := expiredCA()
	if err != nil {
		return err
	}

	config.Spec.PublicEndpoint = strings.Replace(config.Spec.Endpoint, "127.0.0.1", "localhost", 1)
	config.Spec.CABundle.Inline = expired + publicCA() + config.Spec.CABundle.Inline

	return env.Kube.Update(ctx, config)
}

// expiredCA returns a certificate authority whose time is over, PEM.
func expiredCA() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}

	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cistern-expired"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)

	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), err
}

// publicCA returns a public certificate authority, PEM, if this machine has any.
func publicCA() string {
	all, _ := os.ReadFile("/etc/ssl/certs/ca-certificates.crt") // it may be missing

	block, _ := pem.Decode(all)
	if block == nil {
		return ""
	}

	return string(pem.EncodeToMemory(block))
}

// farServer starts a server in another region, which clients reach without TLS: at a name
// that is written in capitals, and, where this machine has IPv6, at an address of it. Its
// configurations name no region: it is the server that says it.
func farServer(ctx context.Context, env *component.Env) error {
	server, err := env.AddStorage(ctx, "far-through-proxy", "MINIO_SITE_REGION="+farRegion)
	if err != nil {
		return err
	}

	address, err := url.Parse(server.URL())
	if err != nil {
		return err
	}

	endpoints := map[string]string{otherRegion: "http://LOCALHOST:" + address.Port() + "/"}
	if l, err := (&net.ListenConfig{}).Listen(ctx, "tcp6", "[::1]:0"); err == nil {
		go relay(context.WithoutCancel(ctx), l, address.Host)

		endpoints[ipv6] = "http://" + l.Addr().String()
	} else {
		fmt.Fprintln(os.Stderr, "clients: this machine has no IPv6:", err)
	}

	for name, endpoint := range endpoints {
		err = errors.Join(err, env.Kube.Create(ctx, &miniov1alpha1.ClusterProviderConfig{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: miniov1alpha1.ProviderConfigSpec{
				Endpoint: server.URL(), PublicEndpoint: endpoint,
				Credentials: miniov1alpha1.Credentials{SecretRef: miniov1alpha1.ObjectReference{
					Name: "minio-admin-far-through-proxy", Namespace: metav1.NamespaceDefault,
				}},
			},
		}))
		servers[name] = true
	}

	return err
}

// relay hands connections on to another address until the test ends.
func relay(ctx context.Context, l net.Listener, to string) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}

		go func() {
			defer from.Close()

			server, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
			if err != nil {
				return
			}
			defer server.Close()

			go func() { _, _ = io.Copy(server, from) }()

			_, _ = io.Copy(from, server)
		}()
	}
}
