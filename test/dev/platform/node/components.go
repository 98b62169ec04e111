package node

const (
	pkiDir    = innerDir + "/pki/"
	configDir = innerDir + "/config/"
)

func etcdFlags() []string {
	return []string{
		"--name=" + Name,
		"--data-dir=" + innerDir + "/etcd",
		"--listen-client-urls=http://127.0.0.1:2379",
		"--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=" + Name + "=http://127.0.0.1:2380",
		"--log-level=warn",
		"--unsafe-no-fsync", // data that survived a power failure would be removed at the next start
	}
}

func apiServerFlags() []string {
	return []string{
		"--etcd-servers=http://127.0.0.1:2379",
		"--bind-address=0.0.0.0",
		"--advertise-address=" + IP,
		"--secure-port=" + apiPort,
		"--tls-cert-file=" + pkiDir + "apiserver.crt",
		"--tls-private-key-file=" + pkiDir + "apiserver.key",
		"--client-ca-file=" + pkiDir + "ca.crt",
		"--authorization-mode=Node,RBAC",
		// Without these flags the API server does not publish the CA that extension
		// servers need.
		"--requestheader-client-ca-file=" + pkiDir + "ca.crt",
		"--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--kubelet-client-certificate=" + pkiDir + "admin.crt",
		"--kubelet-client-key=" + pkiDir + "admin.key",
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-key-file=" + pkiDir + "service-accounts.key",
		"--service-account-signing-key-file=" + pkiDir + "service-accounts.key",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-cluster-ip-range=" + serviceCIDR,
		"--allow-privileged=true",
	}
}

func controllerManagerFlags() []string {
	const kubeconfig = pkiDir + "kube-controller-manager.kubeconfig"

	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + pkiDir + "service-accounts.key",
		"--root-ca-file=" + pkiDir + "ca.crt",
		"--flex-volume-plugin-dir=/var/lib/kubelet/volume-plugins",
		"--profiling=false",
		// With the default rate the first ServiceAccounts take 5 s instead of 1 s.
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
	}
}

func schedulerFlags() []string {
	const kubeconfig = pkiDir + "kube-scheduler.kubeconfig"

	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
	}
}

func kubeletFlags() []string {
	return []string{
		"--kubeconfig=" + pkiDir + "kubelet.kubeconfig",
		"--config=" + configDir + "kubelet.yaml",
		"--cert-dir=/var/lib/kubelet/pki",
		"--hostname-override=" + Name,
		"--node-ip=" + IP,
	}
}
