package node

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cistern-dev/cistern/test/dev/platform/pki"
)

// clients are the users that the components authenticate as. CoreDNS is the
// administrator, and so is the API server in its calls to the kubelet.
var clients = []struct {
	file, user string
	groups     []string
}{
	{"admin", "cistern-admin", []string{"system:masters"}},
	{"kube-controller-manager", "system:kube-controller-manager", nil},
	{"kube-scheduler", "system:kube-scheduler", nil},
	{"kube-proxy", "system:kube-proxy", nil},
	{"kubelet", "system:node:" + Name, []string{"system:nodes"}},
}

// writePKI writes the cluster's certificates and the components' kubeconfigs. It
// returns a kubeconfig for an administrator who reaches the API server at a URL.
func (c Config) writePKI(url string) ([]byte, error) {
	ca, err := pki.NewCA("cistern-kubernetes")
	if err != nil {
		return nil, err
	}

	files, err := serverFiles(ca)
	if err != nil {
		return nil, err
	}

	for _, cl := range clients {
		pair, err := ca.Client(cl.user, cl.groups...)
		if err != nil {
			return nil, err
		}

		config, err := pki.Kubeconfig("https://"+IP+":"+apiPort, ca.Cert, pair.AuthInfo())
		if err != nil {
			return nil, err
		}

		files[cl.file+".crt"], files[cl.file+".key"], files[cl.file+".kubeconfig"] = pair.Cert, pair.Key, config
	}

	for name, content := range files {
		if err := os.WriteFile(filepath.Join(c.RunDir, "pki", name), content, 0o600); err != nil {
			return nil, fmt.Errorf("cannot write a certificate: %w", err)
		}
	}

	return pki.Kubeconfig(url, ca.Cert, pki.Pair{Cert: files["admin.crt"], Key: files["admin.key"]}.AuthInfo())
}

// serverFiles returns the API server's certificates and keys by file name.
func serverFiles(ca *pki.CA) (map[string][]byte, error) {
	server, err := ca.Server("kube-apiserver",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"localhost", "127.0.0.1", IP, apiIP)
	if err != nil {
		return nil, err
	}

	serviceAccounts, err := pki.NewKey()
	if err != nil {
		return nil, err
	}

	return map[string][]byte{
		"ca.crt":               ca.Cert,
		"apiserver.crt":        server.Cert,
		"apiserver.key":        server.Key,
		"service-accounts.key": serviceAccounts,
	}, nil
}
