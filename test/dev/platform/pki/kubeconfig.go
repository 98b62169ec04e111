package pki

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	api "k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig returns a kubeconfig for a user of the API server at a URL. Its certificate
// is verified by ca; nil means plain HTTP, or the authorities of the system.
func Kubeconfig(server string, ca []byte, user api.AuthInfo) ([]byte, error) {
	c := api.NewConfig()
	c.Clusters["cistern"] = &api.Cluster{Server: server, CertificateAuthorityData: ca}
	c.AuthInfos["user"] = &user
	c.Contexts["cistern"] = &api.Context{Cluster: "cistern", AuthInfo: "user"}
	c.CurrentContext = "cistern"

	b, err := clientcmd.Write(*c)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a kubeconfig: %w", err)
	}

	return b, nil
}

// AuthInfo returns a user who authenticates with the certificate.
func (p Pair) AuthInfo() api.AuthInfo {
	return api.AuthInfo{ClientCertificateData: p.Cert, ClientKeyData: p.Key}
}
