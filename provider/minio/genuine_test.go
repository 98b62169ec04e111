package minio

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

// TestGenuine answers calls with a page, and expects each to fail as one that the server did not
// answer; with one of MinIO's marks the same answer is MinIO's.
func TestGenuine(t *testing.T) {
	header := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if header != "" {
			w.Header().Set(header, "MinIO")
		}

		_, _ = io.WriteString(w, `<html>Please sign in</html>`)
	}))
	t.Cleanup(srv.Close)

	outcomes := []string{}

	s, err := New(Config{Endpoint: srv.URL, AccessKey: "admin", SecretKey: "do-not-show-me"},
		WithObserver(func(c Call) { outcomes = append(outcomes, c.Outcome) }))
	if err != nil {
		t.Fatal(err)
	}

	calls := map[string]func() error{
		"MakeBucket":      func() error { return s.S3().MakeBucket(t.Context(), "photos", miniogo.MakeBucketOptions{}) },
		"AddCannedPolicy": func() error { return s.Admin.AddCannedPolicy(t.Context(), "policy", []byte("{}")) },
		"SetBucketQuota":  func() error { return s.Admin.SetBucketQuota(t.Context(), "photos", &madmin.BucketQuota{}) },
		"ListMultipartUploads": func() error {
			_, err := (miniogo.Core{Client: s.S3()}).ListMultipartUploads(t.Context(), "photos", "", "", "", "", 1)

			return err
		},
	}

	for name, call := range calls {
		if got := Classify(call()); got != Unreachable || outcomes[len(outcomes)-1] != OutcomeError {
			t.Errorf("%s: want %q and the outcome %q, got %q and %q", name, Unreachable, OutcomeError, got, outcomes[len(outcomes)-1])
		}

		for _, header = range []string{"X-Amz-Request-Id", "X-Amz-Id-2", "Server"} {
			if err := call(); err != nil {
				t.Errorf("%s, with the header %s: %v", name, header, err)
			}
		}

		header = ""
	}

	if err := s.Check(t.Context()); err == nil || s.Health() != NoAdminAPI {
		t.Errorf("Check(...): want %q, got %q", NoAdminAPI, s.Health())
	}
}

// TestLocateWantsLocation expects a key to count as accepted only if the answer is a location,
// whatever gateways did to its header.
func TestLocateWantsLocation(t *testing.T) {
	body := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	t.Cleanup(srv.Close)

	s, err := New(Config{Endpoint: srv.URL})
	if err != nil {
		t.Fatal(err)
	}

	for text, want := range map[string]bool{
		``:                            false,
		`<html>Please sign in</html>`: false,
		`{}`:                          false,
		`<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-1`: false,
		`<LocationConstraint/>`: true,
		`<?xml version="1.0"?><LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-1</LocationConstraint>`: true,
	} {
		body = text

		if err := s.Locate(t.Context(), srv.URL, "key", "secret", "photos"); (err == nil) != want {
			t.Errorf("Locate(...), answered %q: want success %t, got %v", text, want, err)
		}
	}
}
