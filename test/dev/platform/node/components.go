package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

const (
	pkiDir    = innerDir + "/pki/"
	configDir = innerDir + "/config/"
)

// node runs the components until it is told to stop.
func (c Config) node() error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()

	if err := c.serve(); err != nil {
		return err
	}

	env := append(os.Environ(), c.Programs.Env()...)
	env = append(env, "TMPDIR="+innerDir+"/tmp", "HOME=/root")
	run := func(name string, argv ...string) { go supervise(ctx, name, env, argv) }

	run("containerd", c.Programs.Containerd, "--config", configDir+"containerd.toml")
	run("etcd", append([]string{c.Kube, "etcd"}, etcdFlags()...)...)
	run("kube-apiserver", append([]string{c.Kube, "kube-apiserver"}, apiServerFlags()...)...)
	// The others would wait too, some of them by failing.
	if err := waitForAPIServer(ctx); err != nil {
		return err
	}

	run("kubelet", append([]string{c.Kube, "kubelet"}, kubeletFlags()...)...)
	run("kube-controller-manager", append([]string{c.Kube, "kube-controller-manager"}, controllerManagerFlags()...)...)
	run("kube-scheduler", append([]string{c.Kube, "kube-scheduler"}, schedulerFlags()...)...)
	run("kube-proxy", c.Kube, "kube-proxy", "--config="+configDir+"kube-proxy.yaml")
	run("coredns", c.CoreDNS, "-conf", configDir+"Corefile")
	<-ctx.Done()

	return nil
}

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
		"--unsafe-no-fsync", // what would survive a power failure is removed at the next start anyway
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
		// Without these, the API server does not publish the CA that extension servers read.
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
		// At the default rate, the first ServiceAccounts take 5 s instead of 1 s.
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

// waitForAPIServer returns when the API server says that it is ready.
func waitForAPIServer(ctx context.Context) error {
	ca, err := os.ReadFile(pkiDir + "ca.crt")
	if err != nil {
		return fmt.Errorf("cannot read the cluster's CA: %w", err)
	}

	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)

	client := &http.Client{
		Timeout:   time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}},
	}
	defer client.CloseIdleConnections()

	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+IP+":"+apiPort+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("cannot ask the API server: %w", err)
		}

		if res, err := client.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}

		select {
		case <-ctx.Done():
			return errors.New("stopped before the API server was ready")
		case <-time.After(50 * time.Millisecond):
		}
	}
}
