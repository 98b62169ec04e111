package minio

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

func TestTrouble(t *testing.T) {
	cases := map[string]struct {
		reason string
		path   string
		answer http.HandlerFunc
		want   func(error) bool
	}{
		"Fine": {
			reason: "An answer is no trouble.",
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
		"Stranger": {
			reason: "What another service answers says nothing of what was asked.",
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
			ctx, trouble := CaptureErrors(outer)

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

			if !tc.want(trouble.Err()) {
				t.Errorf("%s\nErr(): got %v", tc.reason, trouble.Err())
			}

			if !errors.Is(all.Err(), trouble.Err()) {
				t.Errorf("want the outer context to be told the same, got %v", all.Err())
			}
		})
	}
}

// TestTroubleOnTheWay calls a server that is not there.
func TestTroubleOnTheWay(t *testing.T) {
	rt, err := newTransport(Config{Timeout: time.Second}, nil)
	if err != nil {
		t.Fatal(err)
	}

	ctx, trouble := CaptureErrors(t.Context())

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1", nil)
	if err != nil {
		t.Fatal(err)
	}

	if rsp, err := rt.RoundTrip(req); err == nil {
		_ = rsp.Body.Close()

		t.Fatal("RoundTrip(...): want an error")
	}

	if got := Classify(trouble.Err()); got != Unreachable {
		t.Errorf("Classify(Err()): want %s, got %s", Unreachable, got)
	}
}

// FuzzRefusalOf reads answers of both APIs. Whatever they are, they are errors.
func FuzzRefusalOf(f *testing.F) {
	f.Add("/minio/admin/v3/group", []byte(`{"Code":"AccessDenied"}`))
	f.Add("/bucket/", []byte(`<Error><Code>AccessDenied</Code></Error>`))
	f.Add("/bucket/", []byte(``))

	f.Fuzz(func(t *testing.T, path string, text []byte) {
		rsp := &http.Response{Status: "403 Forbidden", StatusCode: http.StatusForbidden, Request: &http.Request{URL: &url.URL{Path: path}}}
		if err := refusalOf(rsp, text); err == nil || err.Error() == "" && code(err) == "" {
			t.Errorf("refusalOf(%q, %q): want an error that says something, got %v", path, text, err)
		}
	})
}
