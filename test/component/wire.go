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

// Wire is what is between the provider and the two servers that it talks to. It
// records every call, and can cut the provider's life short at any of them. It
// is safe for concurrent use.
type Wire struct {
	mu    sync.Mutex
	calls []Call
	fault *Fault
	// kill ends the provider and returns once it has ended; nil while none runs.
	kill func()
	// stop says which calls never reach their server.
	stop func(Call) Outage
	// answer returns what answers a call in place of its server, or nil.
	answer func(Call) http.Handler
}

// Answer has calls answered in place of their server by the handler that answer returns
// for them, if it returns one, until it is called again. It may be nil.
func (w *Wire) Answer(answer func(Call) http.Handler) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.answer = answer
}

// other returns what answers a call in place of its server, or nil.
func (w *Wire) other(c Call) http.Handler {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.answer == nil {
		return nil
	}

	return w.answer(c)
}

// Outage is what becomes of a call instead of being carried out.
type Outage int

const (
	// None has it carried out.
	None Outage = iota
	// Broken breaks the connection, as if nobody were there.
	Broken
	// Denied has MinIO say that the key may not do that.
	Denied
)

// Stop lets no call pass to which out gives an outage, until it is called again;
// nil lets all pass.
func (w *Wire) Stop(out func(Call) Outage) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.stop = out
}

func (w *Wire) outage(c Call) Outage {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.stop == nil {
		return None
	}

	return w.stop(c)
}

// A Fault ends the provider, at once and for good, at one of its calls: after
// the server carried it out, and before the answer reaches the provider.
type Fault struct {
	// At says which calls count.
	At func(Call) bool
	// After is how many calls count until the provider dies; at least 1.
	After int
	// Before says that the server shall not learn of the call either.
	Before bool

	// fired holds the call once the provider has died.
	fired chan Call
}

// Arm sets a fault, in place of an earlier one. The channel that it returns
// holds the call once the provider has died at it.
func (w *Wire) Arm(f Fault) <-chan Call {
	w.mu.Lock()
	defer w.mu.Unlock()

	f.fired = make(chan Call, 1)
	w.fault = &f

	return f.fired
}

// Disarm takes the fault away, if it has not fired.
func (w *Wire) Disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.fault = nil
}

// Calls returns all calls that were answered since from, and from where to look
// next time.
func (w *Wire) Calls(from int) (calls []Call, next int) {
	w.mu.Lock()
	defer w.mu.Unlock()

	return slices.Clone(w.calls[from:]), len(w.calls)
}

// Now returns from where to look for the calls to come.
func (w *Wire) Now() int {
	_, now := w.Calls(0)

	return now
}

// attach lets a provider use the wire.
func (w *Wire) attach(kill func()) {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.kill = kill
}

// errCut is what becomes of the calls of a provider that is dead.
var errCut = errors.New("the provider is dead")

// pass decides on a call before or after it is answered. It returns an error if
// the provider is dead, be it by this call. The lock is held while the provider
// dies, so none of its other calls gets past.
func (w *Wire) pass(c Call, answered bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.kill == nil {
		return errCut
	}

	if answered {
		w.calls = append(w.calls, c)
	}

	f := w.fault
	if f == nil || f.Before == answered || !f.At(c) {
		return nil
	}

	if f.After--; f.After > 0 {
		return nil
	}

	w.kill()
	w.kill, w.fault = nil, nil
	f.fired <- c

	return errCut
}

// proxy returns a handler that passes calls on to a server.
func (w *Wire) proxy(server *url.URL, transport http.RoundTripper, name func(method string, u *url.URL) Call) http.Handler {
	p := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(server)
			// Signatures of S3 are about the host that the client called.
			r.Out.Host = r.In.Host
		},
		FlushInterval: -1, // Watches are answers that do not end.
		ModifyResponse: func(rsp *http.Response) error {
			c := name(rsp.Request.Method, rsp.Request.URL)
			c.Status = rsp.StatusCode

			return w.pass(c, true)
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, _ error) {
			// The connection breaks, as it does when a server goes.
			panic(http.ErrAbortHandler)
		},
	}

	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := w.pass(name(r.Method, r.URL), false); err != nil {
			panic(http.ErrAbortHandler)
		}

		if h := w.other(name(r.Method, r.URL)); h != nil {
			h.ServeHTTP(rw, r)

			return
		}

		switch w.outage(name(r.Method, r.URL)) {
		case Broken:
			panic(http.ErrAbortHandler)
		case Denied:
			deny(rw, r)
		case None:
			p.ServeHTTP(rw, r)
		}
	})
}

// deny answers as MinIO does to somebody who may not: in JSON where the API is
// MinIO's own, and in XML where it is S3's.
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
