package node

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	api "k8s.io/client-go/tools/clientcmd/api"

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

		config, err := kubeconfig("https://"+IP+":"+apiPort, ca.Cert, pair)
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

	return kubeconfig(url, ca.Cert, pki.Pair{Cert: files["admin.crt"], Key: files["admin.key"]})
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

func kubeconfig(server string, ca []byte, user pki.Pair) ([]byte, error) {
	c := api.NewConfig()
	c.Clusters["cistern"] = &api.Cluster{Server: server, CertificateAuthorityData: ca}
	c.AuthInfos["admin"] = &api.AuthInfo{ClientCertificateData: user.Cert, ClientKeyData: user.Key}
	c.Contexts["cistern"] = &api.Context{Cluster: "cistern", AuthInfo: "admin"}
	c.CurrentContext = "cistern"

	b, err := clientcmd.Write(*c)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a kubeconfig: %w", err)
	}

	return b, nil
}
