package component

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"

	"github.com/cistern-dev/cistern/test/process"
)

// Cluster is a MinIO of several nodes, each a process of its own. It is not behind the proxy.
type Cluster struct {
	// Nodes are the clients of each node.
	Nodes []*Storage

	env    *Env
	name   string
	kms    string
	drives []string

	mu sync.Mutex
	// processes are those of the nodes; nil for one that was killed. next is the node for the
	// next call through Endpoint.
	processes []*process.Process
	next      int
}

// AddCluster starts a MinIO of several nodes with some drives each.
func (e *Env) AddCluster(ctx context.Context, name string, nodes, drives int) (*Cluster, error) {
	kms, err := newKMS()
	if err != nil {
		return nil, err
	}

	host, err := ownAddress()
	if err != nil {
		return nil, err
	}

	addresses := make([]string, nodes)
	c := &Cluster{env: e, name: name, kms: kms, Nodes: make([]*Storage, nodes), processes: make([]*process.Process, nodes)}

	for i := range addresses {
		if addresses[i], err = process.FreeAddress(host); err != nil {
			return nil, err
		}

		for drive := range drives {
			c.drives = append(c.drives, fmt.Sprintf("http://%s%s-%d", addresses[i], c.drive(i), drive))
		}
	}

	for i, address := range addresses {
		if err := c.start(i, address); err != nil {
			return nil, err
		}
	}

	return c, c.Ready(ctx)
}

// drive returns the path of a node's drives, without their number.
func (c *Cluster) drive(node int) string {
	return fmt.Sprintf("%s/data-%s-%d", c.env.dir, c.name, node)
}

func (c *Cluster) start(node int, address string) error {
	s, p, err := c.env.startNode(fmt.Sprintf("%s-%d", c.name, node), address, []string{c.kms}, c.drives...)
	if err != nil {
		return err
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	c.Nodes[node], c.processes[node] = s, p

	return nil
}

// Ready waits until all nodes answer.
func (c *Cluster) Ready(ctx context.Context) error {
	for i, n := range c.Nodes {
		if err := n.ready(ctx, c.processes[i]); err != nil {
			return err
		}
	}

	return nil
}

// Kill ends nodes without warning.
func (c *Cluster) Kill(nodes ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()

	for _, i := range nodes {
		c.processes[i].Kill()
		c.processes[i] = nil
	}
}

// Close ends all nodes that run.
func (c *Cluster) Close() {
	for i, p := range c.processes {
		if p != nil {
			c.Kill(i)
		}
	}
}

// Restart starts nodes that were killed, and does not wait for them.
func (c *Cluster) Restart(nodes ...int) error {
	for _, i := range nodes {
		if err := c.start(i, c.Nodes[i].url.Host); err != nil {
			return err
		}
	}

	return nil
}

// LoseDrives removes all data of a node that was killed.
func (c *Cluster) LoseDrives(node int) error {
	for drive := range len(c.drives) / len(c.Nodes) {
		if err := os.RemoveAll(fmt.Sprintf("%s-%d", c.drive(node), drive)); err != nil {
			return fmt.Errorf("cannot remove a drive: %w", err)
		}
	}

	return nil
}

// Endpoint serves, and returns, an endpoint of all nodes: it leads each call to another one of
// those that run, as a Service does.
func (c *Cluster) Endpoint() (string, error) {
	host, err := c.env.serve(&httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(c.pick())
			// The signature includes the host that the client called.
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	})

	return "http://" + host, err
}

// pick returns the URL of the next node that runs.
func (c *Cluster) pick() *url.URL {
	c.mu.Lock()
	defer c.mu.Unlock()

	for range c.Nodes {
		c.next = (c.next + 1) % len(c.Nodes)
		if c.processes[c.next] != nil {
			break
		}
	}

	return c.Nodes[c.next].url
}

// ownAddress returns an IPv4 address of this machine that is no loopback address: in a container
// the nodes of a MinIO do not accept those.
func ownAddress() (string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("cannot list this machine's addresses: %w", err)
	}

	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			return ip.IP.String(), nil
		}
	}

	return "", errNoAddress
}

// errNoAddress means that this machine has loopback addresses only.
var errNoAddress = errors.New("this machine has no address but loopback ones")
