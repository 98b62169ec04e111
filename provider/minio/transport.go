package minio

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Bounds of what may hang when a server is away. A reconcile is tried again
// anyhow, so it is better to report soon than to wait.
const (
	dialTimeout         = 5 * time.Second
	tlsHandshakeTimeout = 5 * time.Second
	idleConnTimeout     = 90 * time.Second
)

func newTransport(c Config, observe Observer) (*transport, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}

	if c.CABundle != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM([]byte(c.CABundle)) {
			return nil, errors.New("the CA bundle holds no PEM certificate")
		}
	}

	calls := c.MaxCallsInFlight
	if calls <= 0 {
		calls = DefaultMaxCallsInFlight
	}

	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}

	return &transport{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSClientConfig:     conf,
			TLSHandshakeTimeout: tlsHandshakeTimeout,
			IdleConnTimeout:     idleConnTimeout,
			// A connection stays open for each call that may be under way at
			// once, so that a burst pays for few TLS handshakes.
			MaxIdleConns:        calls,
			MaxIdleConnsPerHost: calls,
			// The SDKs check lengths and checksums of what goes over the wire.
			DisableCompression: true,
		},
		timeout: timeout,
		slots:   make(chan struct{}, calls),
		observe: observe,
	}, nil
}

// transport is an http.Transport that bounds how long a call takes and how many
// are under way, that tells an observer of each, and whose errors are the same
// each time the same thing goes wrong. Errors end up in conditions, and a
// condition that changes with each try makes everybody who watches it work.
//
// A call is under way until its answer has been read to the end or closed, and
// must be over within the timeout. The time that it waits for others counts for
// neither; it ends with the caller's context.
type transport struct {
	*http.Transport

	timeout time.Duration
	slots   chan struct{}
	observe Observer
}

// RoundTrip carries out one request.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case t.slots <- struct{}{}:
	case <-req.Context().Done():
		closeBody(req)

		return nil, fmt.Errorf("%d calls to the server are under way already: %w", cap(t.slots), context.Cause(req.Context()))
	}

	ctx, cancel := context.WithTimeout(req.Context(), t.timeout)
	call := &call{transport: t, request: req, ctx: ctx, cancel: cancel, began: time.Now()}

	rsp, err := t.Transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		err = call.explain(err)
		call.end(OutcomeError)
		Report(req.Context(), err)

		return nil, err
	}

	call.outcome = outcome(rsp.StatusCode)
	call.body = rsp.Body
	rsp.Body = call

	reportRefusal(rsp)

	return rsp, nil
}

// closeBody does what a RoundTripper owes a request that it does not send.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// call is a call that is under way, and the body of its answer.
type call struct {
	transport *transport
	request   *http.Request
	ctx       context.Context //nolint:containedctx // It ends with the call.
	cancel    context.CancelFunc
	began     time.Time
	outcome   string
	body      io.ReadCloser
	once      sync.Once
}

// Read reads the answer. The call is over when it has been read.
func (c *call) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)

	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		c.end(c.outcome)
	default:
		err = c.explain(err)
		c.end(OutcomeError)
		Report(c.ctx, err)
	}

	return n, err
}

// Close ends the call, whether the answer has been read or not.
func (c *call) Close() error {
	err := c.body.Close()
	c.end(c.outcome)

	return err
}

// end lets go of what the call held, once.
func (c *call) end(outcome string) {
	c.once.Do(func() {
		c.cancel()
		<-c.transport.slots

		if c.transport.observe != nil {
			c.transport.observe(Call{Operation: operation(c.request), Outcome: outcome, Duration: time.Since(c.began)})
		}
	})
}

// explain returns an error that is the same each time, and that says so if it
// was the call's own timeout.
func (c *call) explain(err error) error {
	if errors.Is(c.ctx.Err(), context.DeadlineExceeded) && c.request.Context().Err() == nil {
		return &wayError{&timeoutError{after: c.transport.timeout}}
	}

	return &wayError{steady(err)}
}

// wayError is an error on the way to a server or back. The mark tells it from
// errors on the way to somewhere else, such as the API server.
type wayError struct{ error }

// Unwrap returns what happened.
func (e *wayError) Unwrap() error { return e.error }

// Timeout says whether it is a timeout.
func (e *wayError) Timeout() bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](e.error)

	return ok && t.Timeout()
}

// timeoutError says that a call took too long.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.after) }

// Timeout says that it is a timeout.
func (*timeoutError) Timeout() bool { return true }

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
