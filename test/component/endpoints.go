package component

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
)

// startProxies puts the proxy between the provider and its servers: before MinIO with a
// certificate that only the ClusterProviderConfig trusts, before the API server as a
// user of its own.
func (e *Env) startProxies() error {
	var err error
	if e.Endpoint, err = e.proxyTo(e.Server); err != nil {
		return err
	}

	transport, err := e.cluster.transport(e.ca)
	if err != nil {
		return err
	}

	host, err := e.serve(e.Proxy.handler(&url.URL{Scheme: "https", Host: e.cluster.host}, transport, kubernetesCall))
	if err != nil {
		return err
	}

	e.config, err = writeKubeconfig(e.dir, "http://"+host)

	return err
}

// proxyTo puts the proxy before a MinIO server and returns the URL.
func (e *Env) proxyTo(s *Storage) (string, error) {
	endpoint, server, err := e.serveStorage(s, "")
	e.servers = append(e.servers, server)

	return endpoint, err
}

// serveStorage puts the proxy before a MinIO server, marks the calls with a namespace, and
// returns the URL and what serves it, which the caller closes.
func (e *Env) serveStorage(s *Storage, namespace string) (endpoint string, server *http.Server, err error) {
	cert, err := e.certificate()
	if err != nil {
		return "", nil, err
	}

	server, host, err := listen(e.Proxy.handler(s.url, s.transport, func(method string, u *url.URL) Call {
		c := minioCall(method, u)
		c.Namespace = namespace

		return c
	}), cert)

	return "https://" + host, server, err
}

// serve serves a handler, without TLS, until the environment ends, and returns its host
// and port.
func (e *Env) serve(h http.Handler) (string, error) {
	server, host, err := listen(h, nil)
	e.servers = append(e.servers, server)

	return host, err
}

// listen serves a handler on a free port and returns its host and port. It serves TLS
// if there is a certificate.
func listen(h http.Handler, cert *tls.Certificate) (server *http.Server, host string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It does not wait.
	if err != nil {
		return nil, "", fmt.Errorf("cannot listen: %w", err)
	}

	s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)} //nolint:gosec // Its one client is the provider.
	if cert != nil {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12}
	}

	go func() {
		if cert != nil {
			_ = s.ServeTLS(l, "", "")
		} else {
			_ = s.Serve(l)
		}
	}()

	return s, l.Addr().String(), nil
}

// certificate returns the certificate of the endpoints before MinIO.
func (e *Env) certificate() (*tls.Certificate, error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	if e.cert != nil {
		return e.cert, nil
	}

	pair, err := e.ca.Server("minio", "127.0.0.1", "localhost")
	if err != nil {
		return nil, err
	}

	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return nil, fmt.Errorf("cannot use a certificate: %w", err)
	}

	e.cert = &cert

	return e.cert, nil
}
