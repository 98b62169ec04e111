package minio

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// tarpit returns a URL whose port accepts connections and never answers, and how many it has
// accepted.
func tarpit(t *testing.T) (string, *atomic.Int32) {
	t.Helper()

	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = l.Close() })

	accepted := &atomic.Int32{}

	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}

			accepted.Add(1)
		}
	}()

	return "http://" + l.Addr().String(), accepted
}

// TestLocateAtTarpit calls a published endpoint that never answers: one call waits for it, all
// others fail at once. The server's own endpoint is not affected.
func TestLocateAtTarpit(t *testing.T) {
	public, accepted := tarpit(t)

	srv := httptest.NewServer(answer(200, `<LocationConstraint/>`))
	t.Cleanup(srv.Close)

	s, err := New(Config{Endpoint: srv.URL, PublicEndpoint: public, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}

	first := make(chan error)
	go func() { first <- s.Locate(t.Context(), public, "key", "secret", "photos") }()

	for accepted.Load() == 0 {
		time.Sleep(time.Millisecond)
	}

	began := time.Now()

	if err := s.Locate(t.Context(), public, "key", "secret", "photos"); !errors.Is(err, ErrUnanswered) {
		t.Errorf("want ErrUnanswered while the first call waits, got %v", err)
	}

	if d := time.Since(began); d > time.Second {
		t.Errorf("want the second call to end soon, it took %s", d)
	}

	want := <-first
	if want == nil {
		t.Fatal("want an error from an endpoint that does not answer")
	}

	for range 10 {
		if err := s.Locate(t.Context(), public, "key", "secret", "photos"); err == nil || err.Error() != want.Error() {
			t.Errorf("want the error of the first call, %v, got %v", want, err)
		}
	}

	if n := accepted.Load(); n != 1 {
		t.Errorf("want one connection, got %d", n)
	}

	if err := s.Locate(t.Context(), srv.URL, "key", "secret", "photos"); err != nil {
		t.Errorf("want the server's own endpoint to be called, got %v", err)
	}
}

func TestGate(t *testing.T) {
	failed := &transportError{errors.New("away")}
	g := &gate{}
	calls := 0

	call := func(result error) error {
		return g.do(t.Context(), func() error {
			calls++

			return result
		})
	}

	if err := call(failed); !errors.Is(err, failed) {
		t.Errorf("want the call's error, got %v", err)
	}

	if err := call(nil); !errors.Is(err, failed) || calls != 1 {
		t.Errorf("want no second call so soon, got %v after %d calls", err, calls)
	}

	g.next = time.Now()

	if err := call(errors.New("access denied")); err == nil || calls != 2 {
		t.Errorf("want a second call later, got %v after %d calls", err, calls)
	}

	if err := call(nil); err != nil || calls != 3 {
		t.Errorf("want calls while the endpoint answers, got %v after %d calls", err, calls)
	}

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()

	if err := g.do(cancelled, func() error { return failed }); err == nil || !g.answers {
		t.Errorf("want a cancelled call to say nothing about the endpoint, got %v", err)
	}
}

// TestGatePatient wants a patient call to wait for a slow endpoint as long as it takes, and to
// get the error of the first call where that fails.
func TestGatePatient(t *testing.T) {
	failed := &transportError{errors.New("away")}

	for name, tc := range map[string]struct {
		reason string
		first  error
		calls  int32
	}{
		"Answered":   {reason: "A slow endpoint is called by all.", calls: 3},
		"Unanswered": {reason: "One that does not answer is called by the first only.", first: failed, calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := &gate{}
			entered, end := make(chan struct{}), make(chan struct{})
			calls := atomic.Int32{}
			results := make(chan error, 2)

			go func() {
				_ = g.do(t.Context(), func() error {
					calls.Add(1)
					close(entered)
					<-end

					return tc.first
				})
			}()

			<-entered

			for range cap(results) {
				go func() {
					results <- g.do(Patient(t.Context()), func() error {
						calls.Add(1)

						return nil
					})
				}()
			}

			// An impatient call gives up first.
			if err := g.do(t.Context(), func() error { return nil }); !errors.Is(err, ErrUnanswered) {
				t.Errorf("want ErrUnanswered, got %v", err)
			}

			close(end)

			for range cap(results) {
				if err := <-results; !errors.Is(err, tc.first) {
					t.Errorf("%s: want %v, got %v", tc.reason, tc.first, err)
				}
			}

			if n := calls.Load(); n != tc.calls {
				t.Errorf("%s: want %d calls, got %d", tc.reason, tc.calls, n)
			}
		})
	}
}
