package embedded

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// testNetwork returns a network with a pod, whose port 8443 leads to a port of the
// loopback interface, and two Services of it.
func testNetwork(port int) *network {
	n := newNetwork(fake.NewClientset(
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "minio", Name: "minio"},
			Spec:       corev1.ServiceSpec{ClusterIP: MinIOIP, Ports: []corev1.ServicePort{{Name: "https", Port: 9000}}},
		},
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "minio", Name: "headless"},
			Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone},
		},
		slice("minio", "10.244.9.9", false), slice("minio", "10.244.0.2", true), slice("headless", "10.244.0.2", true),
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes"}, Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.1"},
		},
	), "127.0.0.1:40000")
	n.add(map[int32]int{8443: port})

	return n
}

func slice(service, ip string, ready bool) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "minio", Name: service + "-" + strconv.FormatBool(ready),
			Labels: map[string]string{discoveryv1.LabelServiceName: service},
		},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		Ports:     []discoveryv1.EndpointPort{{Name: new("https"), Port: new(int32(8443))}},
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()

	n := testNetwork(40001)

	for name, tc := range map[string]struct{ reason, address, want, wantErr string }{
		"Name":      {reason: "A Service has a name.", address: "minio.minio.svc:9000", want: "127.0.0.1:40001"},
		"Short":     {reason: "The suffix can be left out.", address: "minio.minio:9000", want: "127.0.0.1:40001"},
		"Long":      {reason: "The name can be complete.", address: "minio.minio.svc.cluster.local:9000", want: "127.0.0.1:40001"},
		"ClusterIP": {reason: "A Service has an address.", address: MinIOIP + ":9000", want: "127.0.0.1:40001"},
		"Headless":  {reason: "A headless Service has the ports of its pods.", address: "headless.minio:8443", want: "127.0.0.1:40001"},
		"API":       {reason: "The API server has a name.", address: "kubernetes.default.svc:443", want: "127.0.0.1:40000"},
		"APIIP":     {reason: "The API server has an address.", address: "10.96.0.1:443", want: "127.0.0.1:40000"},
		"Pod":       {reason: "A pod has an address.", address: "10.244.0.2:8443", want: "127.0.0.1:40001"},
		"Other":     {reason: "Other addresses are those of the machine.", address: "127.0.0.1:1", want: "127.0.0.1:1"},
		"Host":      {reason: "Other names are those of the machine.", address: "s3.example.com:443", want: "s3.example.com:443"},
		"IPv6":      {reason: "An IPv6 address is one of the machine.", address: "[::1]:443", want: "[::1]:443"},
		"NoService": {
			reason: "A Service that does not exist is an error.", address: "none.minio.svc:9000",
			wantErr: `cannot find Service "none" in namespace "minio": services "none" not found`,
		},
		"NoAddress": {
			reason: "So is an address of no Service.", address: "10.96.0.7:1", wantErr: "no Service has the address 10.96.0.7",
		},
		"NoPort": {
			reason: "So is a port that the Service does not have.", address: MinIOIP + ":1",
			wantErr: "cannot reach 10.96.0.90:1: no pod is ready",
		},
		"NoListener": {
			reason: "So is a port that the pod does not have.", address: "10.244.0.2:1",
			wantErr: "cannot reach 10.244.0.2:1: no pod listens there",
		},
		"NoNumber": {
			reason: "So is a port without a number.", address: "minio.minio:https",
			wantErr: `cannot use address "minio.minio:https": strconv.ParseInt: parsing "https": invalid syntax`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got, err := n.resolve(context.Background(), tc.address)

			text := ""
			if err != nil {
				text = err.Error()
			}

			if diff := cmp.Diff([]string{tc.want, tc.wantErr}, []string{got, text}); diff != "" {
				t.Errorf("%s\nresolve(%q): -want, +got:\n%s", tc.reason, tc.address, diff)
			}
		})
	}
}

// TestProxy checks that clients reach a pod through the proxy: over TLS, by CONNECT, and
// without.
func TestProxy(t *testing.T) {
	t.Parallel()

	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("hello " + r.Host)) })

	for scheme, start := range map[string]func(http.Handler) *httptest.Server{
		"http": httptest.NewServer, "https": httptest.NewTLSServer,
	} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()

			server := start(hello)
			defer server.Close()

			_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
			number, _ := strconv.Atoi(port)

			proxy := httptest.NewServer(testNetwork(number))
			defer proxy.Close()

			address, _ := url.Parse(proxy.URL)
			transport := server.Client().Transport.(*http.Transport).Clone()
			transport.Proxy = http.ProxyURL(address)
			if scheme == "https" {
				transport.TLSClientConfig.ServerName = "example.com" // which the test's certificate has
			}

			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://minio.minio.svc:9000/", nil)
			if err != nil {
				t.Fatal(err)
			}

			rsp, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer rsp.Body.Close()

			got := make([]byte, 64)
			n, _ := rsp.Body.Read(got)

			if want := "hello minio.minio.svc:9000"; string(got[:n]) != want {
				t.Errorf("want %q, got %q", want, got[:n])
			}
		})
	}
}

// TestProxyFails checks that clients read why a target cannot be reached.
func TestProxyFails(t *testing.T) {
	t.Parallel()

	proxy := httptest.NewServer(testNetwork(1))
	defer proxy.Close()

	address, _ := url.Parse(proxy.URL)
	transport := &http.Transport{Proxy: http.ProxyURL(address)}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://none.minio.svc/", nil)
	if err != nil {
		t.Fatal(err)
	}

	rsp, err := transport.RoundTrip(req)
	if err == nil {
		_ = rsp.Body.Close()
	}

	const want = `cannot reach none.minio.svc:443: cannot find Service "none" in namespace "minio": services "none" not found`
	if err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
}
