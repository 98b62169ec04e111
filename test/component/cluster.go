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
	api "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform/pki"
	"github.com/cistern-dev/cistern/test/process"
)

// cluster is etcd, an API server, and the controllers that delete the contents of
// deleted namespaces and the dependents of deleted objects. It runs no pods.
type cluster struct {
	host string
	// provider is the provider's client certificate for the API server.
	provider pki.Pair
}

// startCluster starts the cluster and installs the CRDs.
func (e *Env) startCluster(ctx context.Context, kube, repo string) error {
	e.cluster = &cluster{}

	files, err := e.writePKI()
	if err != nil {
		return err
	}

	etcd, err := e.startEtcd(kube)
	if err != nil {
		return err
	}

	if e.cluster.host, err = process.FreeAddress("127.0.0.1"); err != nil {
		return err
	}

	_, port, err := net.SplitHostPort(e.cluster.host)
	if err != nil {
		return fmt.Errorf("cannot use address %q: %w", e.cluster.host, err)
	}

	server, err := e.startAPIServer(kube, files, etcd, port)
	if err != nil {
		return err
	}

	admin, err := e.ca.Client("admin", "system:masters")
	if err != nil {
		return err
	}

	config := e.restConfig(admin)

	if e.Kube, err = newClient(config, e.Kinds); err != nil {
		return err
	}

	if err := await.Until(ctx, "the API server to be ready", func() error {
		return errors.Join(server.Ended(), e.Kube.List(ctx, &corev1.NamespaceList{}))
	}); err != nil {
		return err
	}

	for _, dir := range e.CRDs {
		if err := e.install(ctx, filepath.Join(repo, dir)); err != nil {
			return err
		}
	}

	return e.startControllers(kube, admin)
}

func (e *Env) startAPIServer(kube, files, etcd, port string) (*process.Process, error) {
	return e.run("kube-apiserver", nil, kube, "kube-apiserver",
		"--etcd-servers="+etcd,
		"--bind-address=127.0.0.1", "--secure-port="+port,
		"--advertise-address=10.0.0.1", // By default that of the default route, which a machine without a network lacks.
		"--endpoint-reconciler-type=none",
		"--tls-cert-file="+files+"server.crt", "--tls-private-key-file="+files+"server.key",
		"--client-ca-file="+files+"ca.crt",
		"--authorization-mode=RBAC",
		"--service-account-key-file="+files+"server.key", "--service-account-signing-key-file="+files+"server.key",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--profiling=false",
	)
}

func (e *Env) startEtcd(kube string) (string, error) {
	clients, err := process.FreeAddress("127.0.0.1")
	if err != nil {
		return "", err
	}

	peers, err := process.FreeAddress("127.0.0.1")
	if err != nil {
		return "", err
	}

	_, err = e.run("etcd", nil, kube, "etcd",
		"--name=component", "--data-dir="+e.dir+"/etcd",
		"--listen-client-urls=http://"+clients, "--advertise-client-urls=http://"+clients,
		"--listen-peer-urls=http://"+peers, "--initial-advertise-peer-urls=http://"+peers, "--initial-cluster=component=http://"+peers,
		"--log-level=warn", "--unsafe-no-fsync")

	return "http://" + clients, err
}

// Kubeconfig returns the path of an administrator's kubeconfig, which bypasses the proxy.
func (e *Env) Kubeconfig() string { return filepath.Join(e.dir, "admin.kubeconfig") }

// startControllers starts the garbage collector and the namespace controller. They
// discover kinds when they start, and again only after half a minute, so the CRDs must
// be installed before.
func (e *Env) startControllers(kube string, admin pki.Pair) error {
	file := e.Kubeconfig()

	config, err := pki.Kubeconfig("https://"+e.cluster.host, e.ca.Cert, admin.AuthInfo())
	if err != nil {
		return err
	}

	if err := os.WriteFile(file, config, 0o600); err != nil {
		return fmt.Errorf("cannot write a kubeconfig: %w", err)
	}

	_, err = e.run("kube-controller-manager", nil, kube, "kube-controller-manager",
		"--kubeconfig="+file, "--leader-elect=false", "--secure-port=0", "--profiling=false",
		"--controllers=garbage-collector-controller,namespace-controller",
		"--kube-api-qps=1000", "--kube-api-burst=2000")

	return err
}

// writePKI writes the API server's certificate and returns the prefix of the files'
// paths.
func (e *Env) writePKI() (string, error) {
	server, err := e.ca.Server("kube-apiserver", "127.0.0.1", "localhost")
	if err != nil {
		return "", err
	}

	// The provider has an administrator's rights here; package e2e tests the rights that
	// its package grants.
	if e.cluster.provider, err = e.ca.Client("provider", "system:masters"); err != nil {
		return "", err
	}

	for name, content := range map[string][]byte{"ca.crt": e.ca.Cert, "server.crt": server.Cert, "server.key": server.Key} {
		if err := os.WriteFile(filepath.Join(e.dir, name), content, 0o600); err != nil {
			return "", fmt.Errorf("cannot write a certificate: %w", err)
		}
	}

	return e.dir + "/", nil
}

func (e *Env) restConfig(user pki.Pair) *rest.Config {
	return &rest.Config{
		Host: "https://" + e.cluster.host,
		// Tests read often and must not be throttled.
		QPS: -1, Burst: -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: e.ca.Cert, CertData: user.Cert, KeyData: user.Key},
	}
}

func newClient(config *rest.Config, kinds func(*runtime.Scheme) error) (client.Client, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, miniov1alpha1.AddToScheme, kinds,
	} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("cannot build the scheme: %w", err)
		}
	}

	// The server is not up yet; the client discovers kinds when it needs them.
	return client.New(config, client.Options{Scheme: s})
}

// install creates all CRDs of a directory and waits until they are established.
func (e *Env) install(ctx context.Context, dir string) error {
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

		if err := e.Kube.Create(ctx, crd); err != nil {
			return fmt.Errorf("cannot create CRD %q: %w", crd.Name, err)
		}
	}

	return await.Until(ctx, "the CRDs to be established", func() error {
		list := &apiextensionsv1.CustomResourceDefinitionList{}
		if err := e.Kube.List(ctx, list); err != nil {
			return err
		}

		for _, crd := range list.Items {
			if !established(crd) {
				return fmt.Errorf("CRD %q is not", crd.Name)
			}
		}

		return nil
	})
}

// established reports whether the API server serves a CRD.
func established(crd apiextensionsv1.CustomResourceDefinition) bool {
	for _, c := range crd.Status.Conditions {
		if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
			return true
		}
	}

	return false
}

// transport returns a transport that authenticates to the API server as the provider.
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

// writeKubeconfig writes the provider's kubeconfig, without credentials: the proxy adds
// them.
func writeKubeconfig(dir, url string) (string, error) {
	file := filepath.Join(dir, "provider.kubeconfig")

	config, err := pki.Kubeconfig(url, nil, api.AuthInfo{})
	if err != nil {
		return "", err
	}

	if err := os.WriteFile(file, config, 0o600); err != nil {
		return "", fmt.Errorf("cannot write a kubeconfig: %w", err)
	}

	return file, nil
}
