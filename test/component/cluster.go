package component

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	api "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform/pki"
)

// cluster is etcd, an API server, and of the controllers those that delete what
// belongs to something that is gone. Nothing in it runs pods.
type cluster struct {
	host string
	// provider is who the provider is to the API server.
	provider pki.Pair
}

// startCluster starts the cluster and gives it the provider's CRDs.
func (b *Bed) startCluster(ctx context.Context, kube, repo string) error {
	b.cluster = &cluster{}

	files, err := b.writePKI()
	if err != nil {
		return err
	}

	etcd, err := b.startEtcd(kube)
	if err != nil {
		return err
	}

	if b.cluster.host, err = freeAddress(); err != nil {
		return err
	}

	_, port, err := net.SplitHostPort(b.cluster.host)
	if err != nil {
		return fmt.Errorf("cannot use address %q: %w", b.cluster.host, err)
	}

	server, err := b.run("kube-apiserver", nil, kube, "kube-apiserver",
		"--etcd-servers="+etcd,
		"--bind-address=127.0.0.1", "--secure-port="+port,
		"--endpoint-reconciler-type=none",
		"--tls-cert-file="+files+"server.crt", "--tls-private-key-file="+files+"server.key",
		"--client-ca-file="+files+"ca.crt",
		"--authorization-mode=RBAC",
		"--service-account-key-file="+files+"server.key", "--service-account-signing-key-file="+files+"server.key",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--profiling=false",
	)
	if err != nil {
		return err
	}

	admin, err := b.ca.Client("admin", "system:masters")
	if err != nil {
		return err
	}

	config := b.restConfig(admin)

	if b.Kube, err = newClient(config, b.Kinds); err != nil {
		return err
	}

	if err := await.Until(ctx, "the API server to be ready", func() error {
		return errors.Join(server.ended(), b.Kube.List(ctx, &corev1.NamespaceList{}))
	}); err != nil {
		return err
	}

	for _, dir := range b.CRDs {
		if err := b.install(ctx, filepath.Join(repo, dir)); err != nil {
			return err
		}
	}

	return b.startControllers(kube, admin)
}

func (b *Bed) startEtcd(kube string) (string, error) {
	clients, err := freeAddress()
	if err != nil {
		return "", err
	}

	peers, err := freeAddress()
	if err != nil {
		return "", err
	}

	_, err = b.run("etcd", nil, kube, "etcd",
		"--name=direct", "--data-dir="+b.dir+"/etcd",
		"--listen-client-urls=http://"+clients, "--advertise-client-urls=http://"+clients,
		"--listen-peer-urls=http://"+peers, "--initial-advertise-peer-urls=http://"+peers, "--initial-cluster=direct=http://"+peers,
		"--log-level=warn", "--unsafe-no-fsync")

	return "http://" + clients, err
}

// startControllers starts the garbage collector and the controller of
// namespaces. It knows the kinds that there are when it starts, and learns of
// others half a minute later; so it must start after the CRDs are there.
func (b *Bed) startControllers(kube string, admin pki.Pair) error {
	file := filepath.Join(b.dir, "controllers.kubeconfig")
	if err := os.WriteFile(file, kubeconfig("https://"+b.cluster.host, b.ca.Cert, admin), 0o600); err != nil {
		return fmt.Errorf("cannot write a kubeconfig: %w", err)
	}

	_, err := b.run("kube-controller-manager", nil, kube, "kube-controller-manager",
		"--kubeconfig="+file, "--leader-elect=false", "--secure-port=0", "--profiling=false",
		"--controllers=garbage-collector-controller,namespace-controller",
		"--kube-api-qps=1000", "--kube-api-burst=2000")

	return err
}

// writePKI writes the API server's certificate and returns the prefix of its
// files.
func (b *Bed) writePKI() (string, error) {
	server, err := b.ca.Server("kube-apiserver", "127.0.0.1", "localhost")
	if err != nil {
		return "", err
	}

	// Its rights are an administrator's: what the packages grant it, e2e tests.
	if b.cluster.provider, err = b.ca.Client("provider", "system:masters"); err != nil {
		return "", err
	}

	for name, content := range map[string][]byte{"ca.crt": b.ca.Cert, "server.crt": server.Cert, "server.key": server.Key} {
		if err := os.WriteFile(filepath.Join(b.dir, name), content, 0o600); err != nil {
			return "", fmt.Errorf("cannot write a certificate: %w", err)
		}
	}

	return b.dir + "/", nil
}

func (b *Bed) restConfig(user pki.Pair) *rest.Config {
	return &rest.Config{
		Host: "https://" + b.cluster.host,
		// Tests look often, and wait for nobody.
		QPS: -1, Burst: -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: b.ca.Cert, CertData: user.Cert, KeyData: user.Key},
	}
}

func newClient(config *rest.Config, kinds func(*runtime.Scheme) error) (client.Client, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, miniov1alpha1.AddToScheme, kinds} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("cannot build the scheme: %w", err)
		}
	}

	// The first client finds no server yet; it maps kinds when it needs them.
	return client.New(config, client.Options{Scheme: s})
}

// install gives the API server all CRDs of a directory and waits until it
// serves them.
func (b *Bed) install(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("cannot find CRDs in %q: %w", dir, err)
	}

	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return fmt.Errorf("cannot read a CRD: %w", err)
		}

		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, crd); err != nil {
			return fmt.Errorf("cannot decode CRD %q: %w", f, err)
		}

		if err := b.Kube.Create(ctx, crd); err != nil {
			return fmt.Errorf("cannot create CRD %q: %w", crd.Name, err)
		}
	}

	return await.Until(ctx, "the CRDs to be established", func() error {
		list := &apiextensionsv1.CustomResourceDefinitionList{}
		if err := b.Kube.List(ctx, list); err != nil {
			return err
		}

		for _, crd := range list.Items {
			if !established(crd) {
				return fmt.Errorf("%q is not", crd.Name)
			}
		}

		return nil
	})
}

func established(crd apiextensionsv1.CustomResourceDefinition) bool {
	for _, c := range crd.Status.Conditions {
		if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
			return true
		}
	}

	return false
}

// transport returns a transport that is the provider to the API server.
func (c *cluster) transport(ca *pki.CA) (http.RoundTripper, error) {
	pair, err := tls.X509KeyPair(c.provider.Cert, c.provider.Key)
	if err != nil {
		return nil, fmt.Errorf("cannot use the provider's certificate: %w", err)
	}

	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.Cert)

	return &http.Transport{
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
		TLSClientConfig:     &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13},
	}, nil
}

// writeKubeconfig writes a kubeconfig for a URL that asks for no credentials.
func writeKubeconfig(dir, url string) (string, error) {
	file := filepath.Join(dir, "provider.kubeconfig")
	if err := os.WriteFile(file, kubeconfig(url, nil, pki.Pair{}), 0o600); err != nil {
		return "", fmt.Errorf("cannot write a kubeconfig: %w", err)
	}

	return file, nil
}

func kubeconfig(server string, ca []byte, user pki.Pair) []byte {
	c := api.NewConfig()
	c.Clusters["direct"] = &api.Cluster{Server: server, CertificateAuthorityData: ca}
	c.AuthInfos["direct"] = &api.AuthInfo{ClientCertificateData: user.Cert, ClientKeyData: user.Key}
	c.Contexts["direct"] = &api.Context{Cluster: "direct", AuthInfo: "direct"}
	c.CurrentContext = "direct"

	b, err := clientcmd.Write(*c)
	if err != nil {
		panic(err) // It is made of strings and bytes.
	}

	return b
}

// serve serves a handler on a port of its own, with TLS if there is a
// certificate, and returns its host and port.
func (b *Bed) serve(h http.Handler, cert *tls.Certificate) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("cannot listen: %w", err)
	}

	s := &http.Server{Handler: h} //nolint:gosec // Its one client is the provider.
	if cert != nil {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12}
	}

	b.servers = append(b.servers, s)

	go func() {
		if cert != nil {
			_ = s.ServeTLS(l, "", "")
		} else {
			_ = s.Serve(l)
		}
	}()

	return l.Addr().String(), nil
}

func serverCertificate(ca *pki.CA) (*tls.Certificate, error) {
	pair, err := ca.Server("minio", "127.0.0.1")
	if err != nil {
		return nil, err
	}

	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return nil, fmt.Errorf("cannot use a certificate: %w", err)
	}

	return &cert, nil
}
