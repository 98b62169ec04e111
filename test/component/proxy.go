package component

import (
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Proxy sits between the provider and its two servers, MinIO and the API server. It
// records every call, can kill the provider at any call, and can fail calls instead of
// forwarding them. It is safe for concurrent use.
type Proxy struct {
	mu    sync.Mutex
	calls []Call
	fault *Fault
	// kill kills the provider and returns once it has ended; nil while none runs.
	kill func()
	// outage decides which calls fail; nil if none do.
	outage func(Call) Outage
	// answer returns what answers a call in place of its server, or nil.
	answer func(Call) http.Handler
	// between returns what answers a call, given what forwards it; nil if it is forwarded.
	between func(c Call, server http.Handler) http.Handler
}

// Outage is how a call fails without reaching its server.
type Outage int

const (
	// None forwards the call.
	None Outage = iota
	// Broken breaks the connection, as an unreachable server does.
	Broken
	// Denied answers as MinIO does to a key without the necessary rights.
	Denied
)

// SetOutage fails each call for which outage returns an Outage, until SetOutage is
// called again. With nil, all calls are forwarded.
func (p *Proxy) SetOutage(outage func(Call) Outage) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.outage = outage
}

func (p *Proxy) outageOf(c Call) Outage {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.outage == nil {
		return None
	}

	return p.outage(c)
}

// A Fault kills the provider at one of its calls: after the server has carried out the
// call, and before the response reaches the provider.
type Fault struct {
	// At reports whether a call counts.
	At func(Call) bool
	// After is the number of the counted call that kills the provider; at least 1.
	After int
	// Before reports whether the call must not reach the server either.
	Before bool

	// fired holds the call that killed the provider.
	fired chan Call
}

// Arm sets a fault, and replaces an earlier one. The returned channel receives the
// call that killed the provider, after the provider has ended.
func (p *Proxy) Arm(f Fault) <-chan Call {
	p.mu.Lock()
	defer p.mu.Unlock()

	f.fired = make(chan Call, 1)
	p.fault = &f

	return f.fired
}

// Disarm removes a fault that has not killed the provider yet.
func (p *Proxy) Disarm() {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.fault = nil
}

// Calls returns the calls that were answered since position from, and the position
// after the last of them.
func (p *Proxy) Calls(from int) (calls []Call, next int) {
	p.mu.Lock()
	defer p.mu.Unlock()

	return slices.Clone(p.calls[from:]), len(p.calls)
}

// Now returns the position of the next call, for Calls.
func (p *Proxy) Now() int {
	_, now := p.Calls(0)

	return now
}

// attach admits the calls of a provider, which kill ends.
func (p *Proxy) attach(kill func()) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.kill = kill
}

// errKilled fails the calls of a provider that was killed.
var errKilled = errors.New("the provider was killed")

// intercept records a call once it is answered, and kills the provider if the fault
// demands it. It returns an error if the provider is dead. The lock is held while the
// provider is killed, so that none of its other calls passes.
func (p *Proxy) intercept(c Call, answered bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.kill == nil {
		return errKilled
	}

	if answered {
		p.calls = append(p.calls, c)
	}

	f := p.fault
	if f == nil || f.Before == answered || !f.At(c) {
		return nil
	}

	if f.After--; f.After > 0 {
		return nil
	}

	p.kill()
	p.kill, p.fault = nil, nil
	f.fired <- c

	return errKilled
}

// handler returns a handler that forwards calls to a server.
func (p *Proxy) handler(server *url.URL, transport http.RoundTripper, name func(method string, u *url.URL) Call) http.Handler {
	forward := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(server)
			// S3 signatures include the host that the client called.
			r.Out.Host = r.In.Host
		},
		FlushInterval: -1, // The response to a watch does not end.
		ModifyResponse: func(rsp *http.Response) error {
			c := name(rsp.Request.Method, rsp.Request.URL)
			c.Status = rsp.StatusCode

			return p.intercept(c, true)
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, _ error) {
			// The connection breaks, as it does when a server ends.
			panic(http.ErrAbortHandler)
		},
	}

	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c := name(r.Method, r.URL)
		if err := p.intercept(c, false); err != nil {
			panic(http.ErrAbortHandler)
		}

		if h := p.answerOf(c, forward); h != nil {
			h.ServeHTTP(rw, r)

			return
		}

		switch p.outageOf(c) {
		case Broken:
			panic(http.ErrAbortHandler)
		case Denied:
			deny(rw, r)
		case None:
			forward.ServeHTTP(rw, r)
		}
	})
}

// deny answers as MinIO does to a key without the necessary rights: in JSON on its
// administration API, in XML on S3's.
func deny(rw http.ResponseWriter, r *http.Request) {
	kind, answer := "application/xml", "<Error><Code>AccessDenied</Code><Message>Access Denied.</Message><RequestId>1</RequestId></Error>"
	if strings.HasPrefix(r.URL.Path, "/minio/") {
		kind, answer = "application/json", `{"Code":"AccessDenied","Message":"Access Denied.","RequestId":"1"}`
	}

	rw.Header().Set("Content-Type", kind)
	rw.Header().Set("X-Amz-Request-Id", "1")
	rw.WriteHeader(http.StatusForbidden)
	_, _ = rw.Write([]byte(answer))
}
