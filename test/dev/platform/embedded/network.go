package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/cistern-dev/cistern/test/dev/platform/relay"
)

// network is an HTTP proxy that knows Services and pods. It takes the place of the
// cluster's DNS and of kube-proxy: programs that honour HTTPS_PROXY reach Services
// through it, and other hosts too.
type network struct {
	client kubernetes.Interface
	// api is the address of the API server, which no endpoint of its Service leads to.
	api   string
	plain *httputil.ReverseProxy

	// mu guards pods, and next, the number of the next pod's address.
	mu   sync.Mutex
	pods map[string]map[int32]int
	next int
}

func newNetwork(client kubernetes.Interface, api string) *network {
	n := &network{client: client, api: api, pods: map[string]map[int32]int{}}
	n.plain = &httputil.ReverseProxy{
		Rewrite:   func(*httputil.ProxyRequest) {}, // the request names its target already
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return n.dial(ctx, addr) }},
		ErrorLog:  log.New(io.Discard, "", 0),
	}

	return n
}

// add gives a pod an address, where its container ports lead to ports of the loopback
// interface.
func (n *network) add(ports map[int32]int) string {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.next++
	ip := podNetwork + strconv.Itoa(n.next/250) + "." + strconv.Itoa(1+n.next%250)
	n.pods[ip] = ports

	return ip
}

// replace leads a container port of a pod, which has the given ports, to another port.
func (n *network) replace(ports map[int32]int, container int32, local int) {
	n.mu.Lock()
	defer n.mu.Unlock()

	ports[container] = local
}

func (n *network) remove(ip string) {
	n.mu.Lock()
	defer n.mu.Unlock()

	delete(n.pods, ip)
}

// ServeHTTP connects a client of the proxy with its target.
func (n *network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		n.plain.ServeHTTP(w, r)

		return
	}

	target, failure := n.dial(r.Context(), r.Host)
	if failure == nil {
		defer target.Close()
	}

	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)

		return
	}
	defer conn.Close()

	if failure != nil {
		// Go's clients take the error from the status line.
		fmt.Fprintf(conn, "HTTP/1.1 502 cannot reach %s: %s\r\n\r\n", r.Host, strings.Join(strings.Fields(failure.Error()), " "))

		return
	}

	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		return
	}

	relay.Join(target, conn, buffered)
}

// forward passes each connection on to an address of the network.
func (n *network) forward(l net.Listener, address string) {
	relay.Serve(l, address, func() (net.Conn, error) { return n.dial(context.Background(), address) })
}

// dial connects to an address.
func (n *network) dial(ctx context.Context, address string) (net.Conn, error) {
	return relay.Retry(func() (net.Conn, error) {
		target, err := n.resolve(ctx, address)
		if err != nil {
			return nil, err
		}

		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", target)
	})
}

// resolve returns where an address is reached: one of a Service or a pod leads to a
// pod's process, any other to itself.
func (n *network) resolve(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("cannot use address %q: %w", address, err)
	}

	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return "", fmt.Errorf("cannot use address %q: %w", address, err)
	}

	service, err := n.service(ctx, host)
	if err != nil {
		return "", err
	}

	target := int32(number)

	switch {
	case service == nil:
	case service.Namespace == metav1.NamespaceDefault && service.Name == "kubernetes":
		return n.api, nil
	default:
		if host, target, err = n.endpoint(ctx, service, target); err != nil {
			return "", fmt.Errorf("cannot reach %s: %w", address, err)
		}
	}

	if !strings.HasPrefix(host, podNetwork) {
		return address, nil
	}

	n.mu.Lock()
	defer n.mu.Unlock()

	if local, ok := n.pods[host][target]; ok {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(local)), nil
	}

	return "", fmt.Errorf("cannot reach %s: no pod listens there", address)
}

// service returns the Service with a DNS name or a cluster IP, or nil.
func (n *network) service(ctx context.Context, host string) (*corev1.Service, error) {
	ip := net.ParseIP(host)
	if ip == nil {
		name, namespace, ok := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(host, ".svc.cluster.local"), ".svc"), ".")
		if !ok || strings.Contains(namespace, ".") {
			return nil, nil
		}

		s, err := n.client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("cannot find Service %q in namespace %q: %w", name, namespace, err)
		}

		return s, nil
	}

	_, services, err := net.ParseCIDR(serviceCIDR)
	if err != nil || !services.Contains(ip) {
		return nil, err
	}

	list, err := n.client.CoreV1().Services(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("cannot list Services: %w", err)
	}

	for i := range list.Items {
		if list.Items[i].Spec.ClusterIP == host {
			return &list.Items[i], nil
		}
	}

	return nil, fmt.Errorf("no Service has the address %s", host)
}

// endpoint returns the address and port of a ready pod behind a Service.
func (n *network) endpoint(ctx context.Context, s *corev1.Service, port int32) (string, int32, error) {
	slices, err := n.client.DiscoveryV1().EndpointSlices(s.Namespace).List(ctx,
		metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + s.Name})
	if err != nil {
		return "", 0, fmt.Errorf("cannot list its endpoints: %w", err)
	}

	for _, slice := range slices.Items {
		target, ok := targetPort(s, slice, port)
		if !ok {
			continue
		}

		for _, e := range slice.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				return e.Addresses[0], target, nil
			}
		}
	}

	return "", 0, errors.New("no pod is ready")
}

// targetPort returns the port of the pods in a slice that a Service's port leads to. A
// headless Service has the pods' own ports.
func targetPort(s *corev1.Service, slice discoveryv1.EndpointSlice, port int32) (int32, bool) {
	if s.Spec.ClusterIP == corev1.ClusterIPNone {
		return port, true
	}

	for _, sp := range s.Spec.Ports {
		for _, p := range slice.Ports {
			if sp.Port == port && p.Name != nil && *p.Name == sp.Name && p.Port != nil {
				return *p.Port, true
			}
		}
	}

	return 0, false
}
