package minio

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"
)

// Bounds of what may hang when a server is away. A reconcile is tried again
// anyhow, so it is better to report soon than to wait.
const (
	dialTimeout           = 5 * time.Second
	tlsHandshakeTimeout   = 5 * time.Second
	responseHeaderTimeout = 30 * time.Second
	idleConnTimeout       = 90 * time.Second

	// maxIdleConns keeps a connection open for each reconcile that may run at
	// once, so that a burst pays for few TLS handshakes.
	maxIdleConns = 64
)

func newTransport(caBundle string) (*transport, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}

	if caBundle != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM([]byte(caBundle)) {
			return nil, errors.New("the CA bundle holds no PEM certificate")
		}
	}

	return &transport{&http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:       conf,
		TLSHandshakeTimeout:   tlsHandshakeTimeout,
		ResponseHeaderTimeout: responseHeaderTimeout,
		IdleConnTimeout:       idleConnTimeout,
		MaxIdleConns:          maxIdleConns,
		MaxIdleConnsPerHost:   maxIdleConns,
		// The SDKs check lengths and checksums of what goes over the wire.
		DisableCompression: true,
	}}, nil
}

// transport is an http.Transport whose errors are the same each time the same
// thing goes wrong. Errors end up in conditions, and a condition that changes
// with each try makes everybody who watches it work.
type transport struct{ *http.Transport }

// RoundTrip carries out one request.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	rsp, err := t.Transport.RoundTrip(req)

	return rsp, steady(err)
}

// steady takes out of an error what is another each time: the local port of a
// connection, also where a resolver quotes it, and the time at which a
// certificate was found to be out of date.
func steady(err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsTimeout {
		same := *dns
		same.Err = "the name server does not answer"

		return &same
	}

	if cert, ok := errors.AsType[x509.CertificateInvalidError](err); ok && cert.Reason == x509.Expired {
		cert.Detail = ""

		return cert
	}

	if op, ok := errors.AsType[*net.OpError](err); ok && op.Source != nil {
		same := *op
		same.Source = nil

		return &same
	}

	return err
}
