package minio

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"testing"
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
