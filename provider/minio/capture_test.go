package minio

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

func TestCaptureErrors(t *testing.T) {
	cases := map[string]struct {
		reason string
		path   string
		answer http.HandlerFunc
		want   func(error) bool
	}{
		"OK": {
			reason: "A successful answer is no error.",
			path:   "/bucket/",
			answer: answer(http.StatusOK, ""),
			want:   func(err error) bool { return err == nil },
		},
		"Administration": {
			reason: "The administration API answers in JSON.",
			path:   "/minio/admin/v3/group",
			answer: answer(http.StatusNotFound, `{"Code":"XMinioAdminNoSuchGroup","Message":"no such group","RequestId":"1"}`),
			want:   IsNotFound,
		},
		"S3": {
			reason: "The S3 API answers in XML.",
			path:   "/bucket/?policy",
			answer: answer(http.StatusForbidden, `<Error><Code>AccessDenied</Code><Message>no</Message><RequestId>1</RequestId></Error>`),
			want:   func(err error) bool { return IsDenied(err) && IsClientError(err) },
		},
		"OtherService": {
			reason: "The answer of another service does not mean that a resource is missing.",
			path:   "/minio/admin/v3/group",
			answer: answer(http.StatusNotFound, "<html>"),
			want:   func(err error) bool { return err != nil && !IsNotFound(err) && !IsClientError(err) },
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(tc.answer)
			t.Cleanup(srv.Close)

			rt, err := newTransport(Config{}, nil)
			if err != nil {
				t.Fatal(err)
			}

			outer, all := CaptureErrors(t.Context())
			ctx, capture := CaptureErrors(outer)

			req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+tc.path, nil)
			if err != nil {
				t.Fatal(err)
			}

			rsp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}

			if err := rsp.Body.Close(); err != nil {
				t.Fatal(err)
			}

			if !tc.want(capture.Err()) {
				t.Errorf("%s\nErr(): got %v", tc.reason, capture.Err())
			}

			if !errors.Is(all.Err(), capture.Err()) {
				t.Errorf("want the outer context to capture the same error, got %v", all.Err())
			}
		})
	}
}

// TestCaptureTransportErrors calls a server that does not exist.
func TestCaptureTransportErrors(t *testing.T) {
	rt, err := newTransport(Config{Timeout: time.Second}, nil)
	if err != nil {
		t.Fatal(err)
	}

	ctx, capture := CaptureErrors(t.Context())

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1", nil)
	if err != nil {
		t.Fatal(err)
	}

	if rsp, err := rt.RoundTrip(req); err == nil {
		_ = rsp.Body.Close()

		t.Fatal("RoundTrip(...): want an error")
	}

	if got := Classify(capture.Err()); got != Unreachable {
		t.Errorf("Classify(Err()): want %s, got %s", Unreachable, got)
	}
}

// FuzzResponseError decodes answers of both APIs, and expects an error with a text or a code.
func FuzzResponseError(f *testing.F) {
	f.Add("/minio/admin/v3/group", []byte(`{"Code":"AccessDenied"}`))
	f.Add("/bucket/", []byte(`<Error><Code>AccessDenied</Code></Error>`))
	f.Add("/bucket/", []byte(``))

	f.Fuzz(func(t *testing.T, path string, text []byte) {
		rsp := &http.Response{Status: "403 Forbidden", StatusCode: http.StatusForbidden, Request: &http.Request{URL: &url.URL{Path: path}}}
		if err := responseError(rsp, text); err == nil || err.Error() == "" && code(err) == "" {
			t.Errorf("responseError(%q, %q): want an error with a text or a code, got %v", path, text, err)
		}
	})
}
