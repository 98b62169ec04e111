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

// Timeouts for the steps that hang when a server does not answer. A failed reconcile is
// retried anyway, so an early error is better than a long wait.
const (
	dialTimeout         = 5 * time.Second
	tlsHandshakeTimeout = 5 * time.Second
	idleConnTimeout     = 90 * time.Second
)

func newTransport(c Config, observe Observer) (*transport, error) {
	authorities, err := roots(c)
	if err != nil {
		return nil, err
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
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities},
			TLSHandshakeTimeout: tlsHandshakeTimeout,
			IdleConnTimeout:     idleConnTimeout,
			// One connection stays open for each call that may run at once, so that a
			// burst needs few TLS handshakes.
			MaxIdleConns:        calls,
			MaxIdleConnsPerHost: calls,
			// The SDKs check lengths and checksums of the bytes on the wire.
			DisableCompression: true,
		},
		timeout: timeout,
		slots:   make(chan struct{}, calls),
		observe: observe,
	}, nil
}

// transport is an http.Transport that limits how long a call takes and how many run at
// once, calls an observer after each, and returns stable errors: the same text whenever the
// same thing fails. Errors end up in conditions, and a condition that changes with each
// attempt causes work for everything that watches the resource.
//
// A call runs until its answer was read to the end or closed, and must end within the
// timeout. While it waits for other calls it does not run yet; that wait ends with the
// caller's context.
type transport struct {
	*http.Transport

	timeout time.Duration
	slots   chan struct{}
	observe Observer
}

// RoundTrip makes one call.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case t.slots <- struct{}{}:
	case <-req.Context().Done():
		closeBody(req)

		return nil, fmt.Errorf("%d calls to the server are running already: %w", cap(t.slots), context.Cause(req.Context()))
	}

	ctx, cancel := context.WithTimeout(req.Context(), t.timeout)
	call := &call{transport: t, request: req, ctx: ctx, cancel: cancel, began: time.Now()}

	rsp, err := t.Transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		err = call.explain(err)
		call.end(OutcomeError)
		Capture(req.Context(), err)

		return nil, err
	}

	call.outcome = outcome(rsp.StatusCode)
	call.body = rsp.Body
	rsp.Body = call

	captureResponse(rsp)

	return rsp, nil
}

// closeBody closes the body of a request that is not sent, as a RoundTripper must.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// call is a running call, and the body of its answer.
type call struct {
	transport *transport
	request   *http.Request
	ctx       context.Context //nolint:containedctx // The context ends with the call.
	cancel    context.CancelFunc
	began     time.Time
	outcome   string
	body      io.ReadCloser
	once      sync.Once
}

// Read reads the answer. The call ends when the answer was read.
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
		Capture(c.ctx, err)
	}

	return n, err
}

// Close ends the call, whether the answer was read or not.
func (c *call) Close() error {
	err := c.body.Close()
	c.end(c.outcome)

	return err
}

// end frees the call's slot and calls the observer, once.
func (c *call) end(outcome string) {
	c.once.Do(func() {
		c.cancel()
		<-c.transport.slots

		if c.transport.observe != nil {
			c.transport.observe(Call{Operation: Operation(c.request.Method, c.request.URL), Outcome: outcome, Duration: time.Since(c.began)})
		}
	})
}

// explain returns a stable error, marked as one of the transport. If the call's own timeout
// ended it, the error says so.
func (c *call) explain(err error) error {
	if errors.Is(c.ctx.Err(), context.DeadlineExceeded) && c.request.Context().Err() == nil {
		return &transportError{&timeoutError{after: c.transport.timeout}}
	}

	return &transportError{stable(err)}
}

// transportError marks an error of the connection to a MinIO server, and distinguishes it
// from one of another connection, such as that to the API server.
type transportError struct{ error }

// Unwrap returns the marked error.
func (e *transportError) Unwrap() error { return e.error }

// Timeout reports whether the error is a timeout; net.Error asks for it.
func (e *transportError) Timeout() bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](e.error)

	return ok && t.Timeout()
}

// timeoutError is the error of a call that took too long.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.after) }

// Timeout reports true.
func (*timeoutError) Timeout() bool { return true }

// stable returns an error without the parts that differ from attempt to attempt: the local
// port of a connection, also where a resolver quotes it, and the time at which a
// certificate was found to have expired.
func stable(err error) error {
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
