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

// TestErrorsDoNotFlap lets the same thing go wrong twice: the errors must read
// the same.
func TestErrorsDoNotFlap(t *testing.T) {
	cases := map[string]struct {
		reason string
		// fail returns the error of one try.
		fail func(try int) error
	}{
		"Connection": {
			reason: "The local port is another at each try.",
			fail: func(try int) error {
				return &net.OpError{
					Op: "read", Net: "tcp",
					Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40000 + try},
					Addr:   &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 9000},
					Err:    errors.New("connection reset by peer"),
				}
			},
		},
		"NameServer": {
			reason: "A resolver quotes the local port.",
			fail: func(try int) error {
				return &net.DNSError{
					Err: fmt.Sprintf("read udp 10.0.0.1:%d->10.0.0.3:53: i/o timeout", 40000+try), Name: "minio.example.org", IsTimeout: true,
				}
			},
		},
		"Certificate": {
			reason: "A certificate that is out of date is compared with the time of the try.",
			fail: func(try int) error {
				return x509.CertificateInvalidError{Reason: x509.Expired, Detail: fmt.Sprintf("current time %d is after 0", try)}
			},
		},
		"Other": {
			reason: "An error that is steady by itself stays as it is.",
			fail: func(int) error {
				return &net.DNSError{Err: "no such host", Name: "minio.example.org", IsNotFound: true}
			},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			first, second := steady(fmt.Errorf("http: %w", tc.fail(1))), steady(fmt.Errorf("http: %w", tc.fail(2)))
			if first.Error() != second.Error() {
				t.Errorf("%s\nerrors differ: %q, %q", tc.reason, first, second)
			}
		})
	}

	if got := steady(nil); got != nil {
		t.Errorf("steady(nil): want nil, got %v", got)
	}
}

// newServer returns a server that answers as handler does, and a transport to
// it that appends calls to those returned.
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

// get carries out a call and reads the answer.
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
			reason:  "An answer.",
			handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") },
			want:    want{call: Call{Operation: "s3:GetBucketVersioning", Outcome: OutcomeOK}},
		},
		"Refused": {
			reason:  "An answer that refuses.",
			handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
			want:    want{call: Call{Operation: "s3:GetBucketVersioning", Outcome: OutcomeRefused}},
		},
		"Failed": {
			reason:  "An answer that the server failed.",
			handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
			want:    want{call: Call{Operation: "s3:GetBucketVersioning", Outcome: OutcomeFailed}},
		},
		"NoAnswer": {
			reason:  "A server that says nothing is not waited for.",
			handler: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			want:    want{call: Call{Operation: "s3:GetBucketVersioning", Outcome: OutcomeError}, err: "no answer within 50ms"},
		},
		"HalfAnAnswer": {
			reason: "A server that stops in the middle is not waited for either.",
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
				t.Errorf("%s\n%d calls count as under way", tc.reason, n)
			}
		})
	}
}

// TestCallsInFlight wants no more calls at once than allowed, and those that wait
// to give up with their context.
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

	if err := get(impatient, rt, url); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 calls to the server are under way") {
		t.Errorf("RoundTrip(...): want the call to end with its context, got %v", err)
	}

	close(release)
	wg.Wait()

	if got := peak.Load(); got != most {
		t.Errorf("want %d calls at once, got %d", most, got)
	}
}
