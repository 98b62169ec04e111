// Package embedded is the daemon that runs Kubernetes without a container runtime,
// and without any privilege: etcd, the API server, the controllers and a registry are
// plain processes on the loopback interface, and so are the containers of pods.
//
// In place of the kubelet, a small agent (see agent) runs each container's program
// from its image, as a process of the user that started the platform. In place of
// kube-proxy and the cluster's DNS there is an HTTP proxy (see network): pods and the
// API server reach Services through it, by name or by cluster IP. So Crossplane and
// the packages are installed and run as on any cluster, with their Deployments,
// Services, ServiceAccounts and webhooks.
//
// What is missing is what containers are for: isolation. Security contexts, resource
// limits, network policies, liveness probes and exec have no effect here.
package embedded

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cistern-dev/cistern/test/process"
)

// Stage is the name of the daemon on the command line.
const Stage = "embedded"

const (
	// NodeName is the name of the Node object.
	NodeName = "cistern"
	// MinIOIP is the cluster IP that MinIO's Service must request: connections to the
	// MinIO listener are forwarded to its port 9000.
	MinIOIP = "10.96.0.90"

	serviceCIDR = "10.96.0.0/16"
	apiIP       = "10.96.0.1" // Kubernetes takes the first of serviceCIDR
	// Pods' addresses exist in the API and in the proxy only.
	podNetwork = "10.244."
)

// The listeners that the daemon inherits, in the order of their descriptors.
const (
	ListenerMinIO = iota
	ListenerRegistry
	ListenerProxy
	// ListenerCount is the number of listeners.
	ListenerCount
)

// firstListener is the descriptor after standard input, output and error.
const firstListener = 3

// Config is the configuration of the daemon, which it reads from a file in its run
// directory.
type Config struct {
	// RunDir holds the daemon's files; it is removed at the end.
	RunDir string
	// LogDir gets a log file for each component, and the pods' logs.
	LogDir string
	// Kube is the path of the executable with Kubernetes' components.
	Kube string
	// API, Etcd and EtcdPeers are addresses to listen on; Proxy is that of the
	// inherited listener.
	API, Etcd, EtcdPeers, Proxy string
	// SocketDir is the directory of the socket at which the API server reaches the
	// proxy: a path of at most 108 bytes, which that of RunDir may exceed.
	SocketDir string
}

const configFile = "embedded.json"

// Choose sets the addresses that the components listen on to free ports. The proxy's
// address is that of the listener that the daemon will inherit.
func (c *Config) Choose(proxy string) error {
	c.Proxy = proxy
	c.SocketDir = filepath.Join(os.TempDir(), "cistern-"+strings.ToLower(rand.Text()[:12]))

	for _, address := range []*string{&c.API, &c.Etcd, &c.EtcdPeers} {
		free, err := process.FreeAddress("127.0.0.1")
		if err != nil {
			return err
		}

		*address = free
	}

	return nil
}

func (c *Config) socket() string { return filepath.Join(c.SocketDir, "proxy") }

// VolumeDir returns the directory for MinIO's data.
func (c *Config) VolumeDir() string { return filepath.Join(c.RunDir, "volumes", "minio") }

// Prepare writes the files that the daemon reads to the run directory, and returns an
// administrator's kubeconfig.
func (c *Config) Prepare() ([]byte, error) {
	for _, dir := range []string{
		filepath.Join(c.LogDir, "pods"), c.pki(), c.VolumeDir(),
		filepath.Join(c.RunDir, "registry"), filepath.Join(c.RunDir, "pods"), filepath.Join(c.RunDir, "images"),
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("cannot make a directory of the daemon: %w", err)
		}
	}

	if err := os.Mkdir(c.SocketDir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the directory of the daemon's socket: %w", err)
	}

	if err := os.WriteFile(c.lock(), nil, 0o600); err != nil {
		return nil, fmt.Errorf("cannot make the daemon's lock: %w", err)
	}

	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot encode the daemon's configuration: %w", err)
	}

	if err := os.WriteFile(filepath.Join(c.RunDir, configFile), b, 0o600); err != nil {
		return nil, fmt.Errorf("cannot write the daemon's configuration: %w", err)
	}

	return c.writePKI()
}

// Main runs the daemon, and returns when it ends.
func Main(runDir string) error {
	listeners, err := inherited()
	if err != nil {
		return err
	}

	if err := (&Config{RunDir: runDir}).hold(); err != nil {
		return err
	}

	// Read while the lock is held: see Clean.
	b, err := os.ReadFile(filepath.Join(runDir, configFile))
	if err != nil {
		return fmt.Errorf("cannot read the daemon's configuration: %w", err)
	}

	c := &Config{}
	if err := json.Unmarshal(b, c); err != nil {
		return fmt.Errorf("cannot parse the daemon's configuration: %w", err)
	}

	return errors.Join(c.run(listeners), c.remove())
}

// inherited returns the listeners that the daemon was started with.
func inherited() ([]net.Listener, error) {
	var listeners []net.Listener

	for fd := firstListener; fd < firstListener+ListenerCount; fd++ {
		unix.CloseOnExec(fd) // otherwise every component would inherit it

		f := os.NewFile(uintptr(fd), "listener")

		l, err := net.FileListener(f)
		if err != nil {
			return nil, fmt.Errorf("cannot use an inherited listener: %w", err)
		}

		_ = f.Close() // FileListener made a duplicate
		listeners = append(listeners, l)
	}

	return listeners, nil
}
