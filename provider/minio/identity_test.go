package minio

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestIdentify lets another server answer at the same endpoint. It expects that to be noticed once
// the last check is too old, and no check before that or while any server will do.
func TestIdentify(t *testing.T) {
	id, calls, status := "first", 0, http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++

		w.Header().Set("X-Amz-Request-Id", "1")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"mode":"online","deploymentID":%q,"servers":[{"version":"2026-02-12T00:00:00Z"}]}`, id)
	}))
	t.Cleanup(srv.Close)

	s, err := New(Config{Endpoint: srv.URL})
	if err != nil {
		t.Fatal(err)
	}

	identify := func(reason string, maxAge time.Duration, want Health, wantCalls int) {
		t.Helper()

		got, before := Unknown, calls

		err := s.Identify(t.Context(), maxAge)
		if e, ok := errors.AsType[*Error](err); ok {
			got = e.Health
		}

		if got != want || calls-before != wantCalls {
			t.Errorf("%s\nIdentify(...): want %q after %d calls, got %v after %d", reason, want, wantCalls, err, calls-before)
		}
	}

	identify("Any server will do.", 0, Unknown, 0)

	s.Expect("first")

	identify("It was never checked.", time.Hour, Unknown, 1)

	id = "second"

	identify("The last check is young enough.", time.Hour, Unknown, 0)
	identify("Another server answers.", 0, Changed, 1)
	identify("The last check found another server.", time.Hour, Changed, 0)

	status = http.StatusForbidden

	identify("A server that does not say what it is can be used.", 0, Unknown, 1)
}
