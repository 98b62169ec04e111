package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// probe returns an error unless a probe of the container succeeds. No probe succeeds.
func (c *container) probe(ctx context.Context, probe *corev1.Probe) error {
	if probe == nil {
		return nil
	}

	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()

	switch {
	case probe.TCPSocket != nil:
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address(probe.TCPSocket.Port))
		if err != nil {
			return fmt.Errorf("cannot connect: %w", err)
		}

		return conn.Close()
	case probe.HTTPGet != nil:
		return c.get(ctx, probe.HTTPGet)
	default:
		return errors.New("the kind of the probe is not supported")
	}
}

func (c *container) get(ctx context.Context, action *corev1.HTTPGetAction) error {
	scheme := strings.ToLower(string(action.Scheme))
	if scheme == "" {
		scheme = "http"
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+c.address(action.Port)+action.Path, nil)
	if err != nil {
		return fmt.Errorf("cannot make a request: %w", err)
	}

	// As the kubelet, it does not verify the certificate.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // as said
	defer transport.CloseIdleConnections()

	rsp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("cannot get %s: %w", action.Path, err)
	}

	_ = rsp.Body.Close()
	if rsp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s answers %s", action.Path, rsp.Status)
	}

	return nil
}

// address returns where a port of the container is reached.
func (c *container) address(port intstr.IntOrString) string {
	number := port.IntVal

	if port.Type == intstr.String {
		for _, p := range c.spec.Ports {
			if p.Name == port.StrVal {
				number = p.ContainerPort
			}
		}
	}

	return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port(number)))
}
