package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/sys/unix"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cistern-dev/cistern/test/process"
)

// run runs the components until the daemon gets a signal to stop, or its run directory
// is removed.
func (c *Config) run(listeners []net.Listener) error {
	group := process.NewGroup()
	defer group.Close()

	// Ends before the processes do, so that none is started again.
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP)
	defer stop()

	if err := c.checkAddresses(); err != nil {
		return err
	}

	client, err := c.client()
	if err != nil {
		return err
	}

	network := newNetwork(client, c.API)
	if err := c.serve(ctx, listeners, network); err != nil {
		return err
	}

	ends := make(chan string, tolerated)

	go c.supervise(ctx, group, ends, "etcd", c.etcd())
	go c.supervise(ctx, group, ends, "kube-apiserver", c.apiServer())

	if err := c.waitForAPIServer(ctx, client, ends); err != nil {
		return err
	}

	go c.supervise(ctx, group, ends, "kube-controller-manager", c.controllerManager())

	a := newAgent(*c, client, network, group)
	if err := a.start(ctx); err != nil {
		return err
	}

	for {
		select {
		case <-ctx.Done():
			fmt.Fprintln(os.Stderr, "stopping")

			return nil
		case <-time.After(500 * time.Millisecond):
			if _, err := os.Stat(filepath.Join(c.RunDir, configFile)); os.IsNotExist(err) {
				fmt.Fprintln(os.Stderr, "stopping: the run directory was removed")

				return nil
			}
		}
	}
}

// checkAddresses returns an error if another program has taken an address since it was
// chosen.
func (c *Config) checkAddresses() error {
	for _, address := range []string{c.API, c.Etcd, c.EtcdPeers} {
		if err := process.CheckFree(address); err != nil {
			return fmt.Errorf("another program has taken an address of the platform, start it again: %w", err)
		}
	}

	return nil
}

// client returns an administrator's client.
func (c *Config) client() (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.pki("admin.kubeconfig"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the kubeconfig: %w", err)
	}

	config.QPS = -1 // no limit

	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client: %w", err)
	}

	return client, nil
}

// serve serves the registry and the proxy, and forwards the machine's connections to
// MinIO.
func (c *Config) serve(ctx context.Context, listeners []net.Listener, network *network) error {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "unix", c.socket())
	if err != nil {
		return fmt.Errorf("cannot listen for the API server: %w", err)
	}

	images := registry.New(
		registry.Logger(log.New(io.Discard, "", 0)), // by default it logs each request
		registry.WithBlobHandler(registry.NewDiskBlobHandler(filepath.Join(c.RunDir, "registry"))),
	)

	for l, handler := range map[net.Listener]http.Handler{
		listeners[ListenerRegistry]: images, listeners[ListenerProxy]: network, socket: network,
	} {
		server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: handler}
		go server.Serve(l) //nolint:errcheck // It ends with this process.
	}

	go network.forward(listeners[ListenerMinIO], net.JoinHostPort(MinIOIP, "9000"))

	return nil
}

// tolerated is how often components may end before the API server is ready.
const tolerated = 5

// waitForAPIServer returns when the API server is ready, or with an error when components end
// again and again, which ends names.
func (c *Config) waitForAPIServer(ctx context.Context, client kubernetes.Interface, ends <-chan string) error {
	for {
		if len(ends) == tolerated {
			name := <-ends

			return fmt.Errorf("%s does not start, see %s: %s", name, c.log(name), process.LastLine(c.log(name)))
		}

		if _, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err == nil {
			return nil
		}

		select {
		case <-ctx.Done():
			return errors.New("stopped before the API server was ready")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// log returns the path of a component's log.
func (c *Config) log(name string) string { return filepath.Join(c.LogDir, name+".log") }

// supervise runs a component, and starts it again when it ends. It sends the name to ends, as
// long as there is room.
func (c *Config) supervise(ctx context.Context, group *process.Group, ends chan<- string, name string, flags []string) {
	// The API server would call webhooks through the proxy of these variables.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")

		return strings.HasSuffix(strings.ToLower(name), "_proxy")
	})
	o := process.Options{Dir: c.RunDir, Env: env, Log: c.log(name)}

	for ctx.Err() == nil {
		p, err := group.Start(name, o, append([]string{c.Kube, name}, flags...)...)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)

			return
		}

		select {
		case <-ctx.Done():
			p.Kill()

			return
		case <-p.Done():
			fmt.Fprintf(os.Stderr, "%s %s ended: %v\n", time.Now().Format(time.RFC3339), name, p.Err())

			select {
			case ends <- name:
			default:
			}

			time.Sleep(500 * time.Millisecond) // do not restart a failing component in a tight loop
		}
	}
}
