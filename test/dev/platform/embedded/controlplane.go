package embedded

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/cistern-dev/cistern/test/dev/platform/pki"
)

// pki returns the path of a certificate's or key's file.
func (c *Config) pki(file ...string) string {
	return filepath.Join(append([]string{c.RunDir, "pki"}, file...)...)
}

func (c *Config) etcd() []string {
	const name = "cistern"

	return []string{
		"--name=" + name, "--data-dir=" + filepath.Join(c.RunDir, "etcd"),
		"--listen-client-urls=http://" + c.Etcd, "--advertise-client-urls=http://" + c.Etcd,
		"--listen-peer-urls=http://" + c.EtcdPeers, "--initial-advertise-peer-urls=http://" + c.EtcdPeers,
		"--initial-cluster=" + name + "=http://" + c.EtcdPeers,
		"--log-level=warn",
		"--unsafe-no-fsync", // data that survived a power failure would be removed at the next start
	}
}

func (c *Config) apiServer() []string {
	host, port, _ := net.SplitHostPort(c.API)

	return []string{
		"--etcd-servers=http://" + c.Etcd,
		"--bind-address=" + host, "--secure-port=" + port,
		// By default that of the default route, which a machine without a network lacks.
		"--advertise-address=" + apiIP,
		// Services of Kubernetes itself cannot have a loopback address as endpoint.
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + c.pki("apiserver.crt"), "--tls-private-key-file=" + c.pki("apiserver.key"),
		"--client-ca-file=" + c.pki("ca.crt"),
		"--authorization-mode=RBAC",
		"--service-account-key-file=" + c.pki("service-accounts.key"),
		"--service-account-signing-key-file=" + c.pki("service-accounts.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-cluster-ip-range=" + serviceCIDR,
		// Where the agent serves logs.
		"--kubelet-preferred-address-types=InternalIP", "--kubelet-certificate-authority=" + c.pki("ca.crt"),
		"--kubelet-client-certificate=" + c.pki("admin.crt"), "--kubelet-client-key=" + c.pki("admin.key"),
		// Webhooks are called through the proxy, which knows where Services are.
		"--egress-selector-config-file=" + c.pki("egress.yaml"),
	}
}

func (c *Config) controllerManager() []string {
	kubeconfig := c.pki("admin.kubeconfig")

	return []string{
		"--kubeconfig=" + kubeconfig,
		"--secure-port=0",
		"--leader-elect=false",
		// No kubelet renews the lease of the node.
		"--controllers=*,-node-lifecycle-controller,-pod-garbage-collector-controller,-node-ipam-controller",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + c.pki("service-accounts.key"),
		"--root-ca-file=" + c.pki("ca.crt"),
		"--flex-volume-plugin-dir=" + filepath.Join(c.RunDir, "volume-plugins"),
		"--profiling=false",
		"--kube-api-qps=1000", "--kube-api-burst=2000",
	}
}

// writePKI writes the certificates, the API server's proxy configuration, and the
// kubeconfig of an administrator, which it also returns.
func (c *Config) writePKI() ([]byte, error) {
	ca, err := pki.NewCA("cistern-kubernetes")
	if err != nil {
		return nil, err
	}

	server, err := ca.Server("kube-apiserver", "localhost", "127.0.0.1", "kubernetes.default.svc")
	if err != nil {
		return nil, err
	}

	serviceAccounts, err := pki.NewKey()
	if err != nil {
		return nil, err
	}

	admin, err := ca.Client("cistern-admin", "system:masters")
	if err != nil {
		return nil, err
	}

	config, err := pki.Kubeconfig("https://"+c.API, ca.Cert, admin.AuthInfo())
	if err != nil {
		return nil, err
	}

	for name, content := range map[string][]byte{
		"ca.crt": ca.Cert, "apiserver.crt": server.Cert, "apiserver.key": server.Key,
		"admin.crt": admin.Cert, "admin.key": admin.Key,
		"service-accounts.key": serviceAccounts, "admin.kubeconfig": config,
		"egress.yaml": fmt.Appendf(nil, `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
  - name: cluster
    connection: {proxyProtocol: HTTPConnect, transport: {uds: {udsName: %q}}}
`, c.socket()),
	} {
		if err := os.WriteFile(c.pki(name), content, 0o600); err != nil {
			return nil, fmt.Errorf("cannot write a certificate: %w", err)
		}
	}

	return config, nil
}
