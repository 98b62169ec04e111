package minio

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"
)

// TestRegion expects the region of requests and of what is published to be known after the
// first Check.
func TestRegion(t *testing.T) {
	type regions struct{ Signing, Published, Signed string }

	const without = `{"mode":"online","servers":[{"state":"online","version":"2026-02-12T20:18:48Z"}]}`

	cases := map[string]struct {
		reason string
		config string
		answer string
		want   regions
	}{
		"Neither": {reason: "The default of MinIO and its clients.", answer: without, want: regions{"us-east-1", "us-east-1", "us-east-1"}},
		"Config":  {reason: "A server without a region accepts any.", config: "eu-2", answer: without, want: regions{"eu-2", "eu-2", "eu-2"}},
		"Server":  {reason: "The server reports its region.", answer: recordedInfo, want: regions{"eu-1", "eu-1", "eu-1"}},
		"Differ": {
			reason: "What exists can still be deleted.",
			config: "us-west-2", answer: recordedInfo, want: regions{"eu-1", "us-west-2", "eu-1"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			signed := ""

			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut {
					signed = strings.Split(r.Header.Get("Authorization"), "/")[2]
				}

				answer(200, tc.answer)(w, r)
			}))
			t.Cleanup(srv.Close)

			s, err := New(Config{Endpoint: srv.URL, AccessKey: "admin", SecretKey: "do-not-show-me", Region: tc.config})
			if err != nil {
				t.Fatal(err)
			}

			_ = s.Check(t.Context())

			if err := s.S3().MakeBucket(t.Context(), "photos", miniogo.MakeBucketOptions{}); err != nil {
				t.Fatal(err)
			}

			got := regions{s.SigningRegion(), s.PublishedRegion(), signed}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
