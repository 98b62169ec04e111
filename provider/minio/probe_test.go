package minio

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestLocateBelievesMinIO answers the probe of a key as MinIO does and as proxies do.
func TestLocateBelievesMinIO(t *testing.T) {
	const badKey = `<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message><RequestId>1</RequestId></Error>`

	for name, tc := range map[string]struct {
		reason string
		id     string
		body   string
		badKey bool
	}{
		"MinIO": {
			reason: "MinIO's answer has the same ID in header and body.",
			id:     "1", body: badKey, badKey: true,
		},
		"NoHeader": {
			reason: "An answer without the header is not MinIO's.",
			body:   badKey,
		},
		"OtherHeader": {
			reason: "An answer with another ID in the header is not MinIO's.",
			id:     "2", body: badKey,
		},
		"NoBody": {
			reason: "A proxy that adds the header alone is not MinIO.",
			id:     "1", body: `<Error><Code>SignatureDoesNotMatch</Code></Error>`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tc.id != "" {
					w.Header().Set("X-Amz-Request-Id", tc.id)
				}

				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(tc.body))
			}))
			t.Cleanup(srv.Close)

			s, err := New(Config{Endpoint: srv.URL})
			if err != nil {
				t.Fatal(err)
			}

			err = s.Locate(t.Context(), srv.URL, "key", "secret", "photos")
			if err == nil || IsBadKey(err) != tc.badKey {
				t.Errorf("%s\nIsBadKey(Locate(...)): want %t, got %v", tc.reason, tc.badKey, err)
			}
		})
	}
}
