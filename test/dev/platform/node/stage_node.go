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

// runNode is the node stage. It serves the registry and runs the components until
// it gets a signal to stop.
func (c Config) runNode() error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()

	if err := serve(ctx); err != nil {
		return err
	}

	env := append(os.Environ(), c.Programs.Env()...)
	env = append(env, "TMPDIR="+innerDir+"/tmp", "HOME=/root")
	run := func(name string, argv ...string) { go supervise(ctx, name, env, argv) }

	run("containerd", c.Programs.Containerd, "--config", configDir+"containerd.toml")
	run("etcd", append([]string{c.Kube, "etcd"}, etcdFlags()...)...)
	run("kube-apiserver", append([]string{c.Kube, "kube-apiserver"}, apiServerFlags()...)...)
	// Some of the others fail until the API server is ready.
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

// waitForAPIServer returns when the API server is ready.
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
