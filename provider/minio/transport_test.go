package minio

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"testing"
)

func TestErrorsDoNotFlap(t *testing.T) {
	failure := func(port int) error {
		return &net.OpError{
			Op: "read", Net: "tcp",
			Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port},
			Addr:   &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 9000},
			Err:    errors.New("connection reset by peer"),
		}
	}

	cases := map[string]struct {
		reason string
		wrap   func(error) error
	}{
		"Bare":    {reason: "The transport's own error.", wrap: func(err error) error { return err }},
		"Wrapped": {reason: "An error below another.", wrap: func(err error) error { return fmt.Errorf("http: %w", err) }},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			first, second := withoutSource(tc.wrap(failure(40001))), withoutSource(tc.wrap(failure(40002)))
			if first.Error() != second.Error() {
				t.Errorf("%s\nerrors differ: %q, %q", tc.reason, first, second)
			}
		})
	}

	other := &url.Error{Op: "Get", URL: "https://minio.example.org", Err: errors.New("no such host")}
	if got := withoutSource(other); !errors.Is(got, other) {
		t.Errorf("withoutSource(...): want an error of another kind as it is, got %v", got)
	}

	if got := withoutSource(nil); got != nil {
		t.Errorf("withoutSource(nil): want nil, got %v", got)
	}
}
