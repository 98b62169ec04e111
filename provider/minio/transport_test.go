package minio

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestStable expects the same text for the errors of two attempts that fail in the same way.
func TestStable(t *testing.T) {
	cases := map[string]struct {
		reason string
		// fail returns the error of one attempt.
		fail func(attempt int) error
	}{
		"Connection": {
			reason: "The local port differs from attempt to attempt.",
			fail: func(attempt int) error {
				return &net.OpError{
					Op: "read", Net: "tcp",
					Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40000 + attempt},
					Addr:   &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 9000},
					Err:    errors.New("connection reset by peer"),
				}
			},
		},
		"NameServer": {
			reason: "A resolver quotes the local port.",
			fail: func(attempt int) error {
				return &net.DNSError{
					Err: fmt.Sprintf("read udp 10.0.0.1:%d->10.0.0.3:53: i/o timeout", 40000+attempt), Name: "minio.example.org", IsTimeout: true,
				}
			},
		},
		"Certificate": {
			reason: "The error of an expired certificate quotes the current time.",
			fail: func(attempt int) error {
				return x509.CertificateInvalidError{Reason: x509.Expired, Detail: fmt.Sprintf("current time %d is after 0", attempt)}
			},
		},
		"Other": {
			reason: "An error that is stable already stays as it is.",
			fail: func(int) error {
				return &net.DNSError{Err: "no such host", Name: "minio.example.org", IsNotFound: true}
			},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			first := stable(fmt.Errorf("http: %w", tc.fail(1)))
			second := stable(fmt.Errorf("http: %w", tc.fail(2)))

			if first.Error() != second.Error() {
				t.Errorf("%s\nerrors differ: %q, %q", tc.reason, first, second)
			}
		})
	}

	if got := stable(nil); got != nil {
		t.Errorf("stable(nil): want nil, got %v", got)
	}
}

// newServer starts a server with a handler. It returns a transport to it, its URL, and a
// function that returns the calls so far.
func newServer(t *testing.T, c Config, handler http.HandlerFunc) (*transport, string, func() []Call) {
	t.Helper()

	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)

	var (
		mu    sync.Mutex
		calls []Call
	)

	rt, err := newTransport(c, func(c Call) {
		mu.Lock()
		defer mu.Unlock()

		c.Duration = 0
		calls = append(calls, c)
	})
	if err != nil {
		t.Fatalf("newTransport(...): %v", err)
	}

	t.Cleanup(rt.CloseIdleConnections)

	return rt, srv.URL, func() []Call {
		mu.Lock()
		defer mu.Unlock()

		return calls
	}
}

// get makes a call and reads the answer.
func get(ctx context.Context, rt http.RoundTripper, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/photos/?versioning=", nil)
	if err != nil {
		return err
	}

	rsp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}

	_, err = io.Copy(io.Discard, rsp.Body)

	return errors.Join(err, rsp.Body.Close())
}

func TestCallsAreObserved(t *testing.T) {
	const timeout = 50 * time.Millisecond

	type want struct {
		call Call
		err  string
	}

	cases := map[string]struct {
		reason  string
		handler http.HandlerFunc
		want    want
	}{
		"OK": {
			reason:  "A server that answers.",
			handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") },
			want:    want{call: Call{Operation: "s3:GetBucketVersioning", Outcome: OutcomeOK}},
		},
		"Refused": {
			reason:  "A server that answers with 4xx.",
			handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
			want:    want{call: Call{Operation: "s3:GetBucketVersioning", Outcome: OutcomeRefused}},
		},
		"Failed": {
			reason:  "A server that answers with 5xx.",
			handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
			want:    want{call: Call{Operation: "s3:GetBucketVersioning", Outcome: OutcomeFailed}},
		},
		"NoAnswer": {
			reason:  "A server that does not answer in time.",
			handler: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			want:    want{call: Call{Operation: "s3:GetBucketVersioning", Outcome: OutcomeError}, err: "no answer within 50ms"},
		},
		"HalfAnAnswer": {
			reason: "A server that does not end its answer in time.",
			handler: func(w http.ResponseWriter, r *http.Request) {
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			},
			want: want{call: Call{Operation: "s3:GetBucketVersioning", Outcome: OutcomeError}, err: "no answer within 50ms"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			rt, url, calls := newServer(t, Config{Timeout: timeout}, tc.handler)

			got := ""
			if err := get(t.Context(), rt, url); err != nil {
				got = err.Error()
			}

			if diff := cmp.Diff(tc.want.err, got); diff != "" {
				t.Errorf("%s\nRoundTrip(...): -want error, +got error:\n%s", tc.reason, diff)
			}

			if diff := cmp.Diff([]Call{tc.want.call}, calls()); diff != "" {
				t.Errorf("%s\nobserved: -want, +got:\n%s", tc.reason, diff)
			}

			if n := len(rt.slots); n != 0 {
				t.Errorf("%s\nwant no running calls, got %d", tc.reason, n)
			}
		})
	}
}

// TestCallsInFlight expects no more running calls than allowed, and a waiting call to end with
// its context.
func TestCallsInFlight(t *testing.T) {
	const most = 2

	var now, peak atomic.Int32

	release := make(chan struct{})
	rt, url, _ := newServer(t, Config{MaxCallsInFlight: most}, func(http.ResponseWriter, *http.Request) {
		if n := now.Add(1); n > peak.Load() {
			peak.Store(n)
		}

		<-release
		now.Add(-1)
	})

	ctx := t.Context()

	var wg sync.WaitGroup
	for range 3 * most {
		wg.Go(func() {
			if err := get(ctx, rt, url); err != nil {
				t.Errorf("RoundTrip(...): %v", err)
			}
		})
	}

	for len(rt.slots) < most {
		time.Sleep(time.Millisecond)
	}

	impatient, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()

	err := get(impatient, rt, url)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 calls to the server are running") {
		t.Errorf("RoundTrip(...): want the call to end with its context, got %v", err)
	}

	close(release)
	wg.Wait()

	if got := peak.Load(); got != most {
		t.Errorf("want %d calls at once, got %d", most, got)
	}
}
