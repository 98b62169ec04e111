package minio

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
)

// answer returns a handler that answers everything the same.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestCheck(t *testing.T) {
	type want struct {
		verdict Health
		refused bool
		text    string
	}

	cases := map[string]struct {
		reason  string
		handler http.HandlerFunc
		want    want
	}{
		"Usable": {
			reason:  "A server of now.",
			handler: answer(200, `{"mode":"online","servers":[{"state":"online","version":"2026-02-12T20:18:48Z"}]}`),
			want:    want{verdict: Usable},
		},
		"Fork": {
			reason:  "A server whose version is none of MinIO's, but which speaks the API.",
			handler: answer(200, `{"mode":"online","servers":[{"state":"online","version":"1.0.0"}]}`),
			want:    want{verdict: Usable},
		},
		"TooOld": {
			reason:  "A server that must not be driven.",
			handler: answer(200, `{"mode":"online","servers":[{"state":"online","version":"2025-09-07T16:13:09Z"}]}`),
			want:    want{verdict: TooOld, refused: true, text: "RELEASE.2025-10-15"},
		},
		"UnknownKey": {
			reason:  "MinIO does not know the key.",
			handler: answer(403, `{"Code":"InvalidAccessKeyId","Message":"The Access Key Id you provided does not exist in our records.","RequestId":"1","HostId":"2"}`),
			want:    want{verdict: CredentialsRejected, text: "does not exist in our records"},
		},
		"NoAdministrator": {
			reason:  "MinIO knows the key, but not as an administrator's.",
			handler: answer(403, `{"Code":"AccessDenied","Message":"Access Denied.","RequestId":"1","HostId":"2"}`),
			want:    want{verdict: CredentialsRejected, text: "Access Denied"},
		},
		"Starting": {
			reason:  "MinIO is about to work.",
			handler: answer(503, `{"Code":"XMinioServerNotInitialized","Message":"Server not initialized yet, please try again.","RequestId":"1","HostId":"2"}`),
			want:    want{verdict: Unreachable, text: "not initialized"},
		},
		"Gateway": {
			reason:  "A gateway whose server is away.",
			handler: answer(502, `<html>Bad Gateway</html>`),
			want:    want{verdict: Unreachable},
		},
		"Console": {
			reason:  "MinIO's console answers everything with its page.",
			handler: answer(200, `<!doctype html><html></html>`),
			want:    want{verdict: NoAdminAPI, refused: true, text: "console"},
		},
		"NothingAtAll": {
			reason:  "An answer without content.",
			handler: answer(200, ``),
			want:    want{verdict: NoAdminAPI, refused: true},
		},
		"Kubernetes": {
			reason:  "Another service's refusal says nothing of the credentials.",
			handler: answer(403, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`),
			want:    want{verdict: NoAdminAPI, refused: true},
		},
		"OtherS3": {
			reason:  "A server that only speaks S3 takes it for an object's path, whoever asks.",
			handler: answer(403, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>InvalidAccessKeyId</Code><Message>x</Message><RequestId>1</RequestId></Error>`),
			want:    want{verdict: NoAdminAPI, refused: true},
		},
		"NotFound": {
			reason:  "A web server.",
			handler: answer(404, "404 page not found\n"),
			want:    want{verdict: NoAdminAPI, refused: true},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(tc.handler)
			t.Cleanup(srv.Close)

			s, err := New(Config{Endpoint: srv.URL, AccessKey: "admin", SecretKey: "do-not-show-me"})
			if err != nil {
				t.Fatalf("New(...): %v", err)
			}

			if v, err := s.Health(), s.Unusable(); v != Unknown || err != nil {
				t.Errorf("%s\nbefore Check(...): %q, %v", tc.reason, v, err)
			}

			err = s.Check(t.Context())
			got := want{verdict: s.Health(), refused: s.Unusable() != nil}

			if (err == nil) != (tc.want.verdict == Usable) {
				t.Errorf("%s\nCheck(...): %v", tc.reason, err)
			}

			if err != nil && !strings.Contains(err.Error(), tc.want.text) {
				t.Errorf("%s\nCheck(...): error %q does not say %q", tc.reason, err, tc.want.text)
			}

			tc.want.text = ""
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("%s\nCheck(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestCheckTheWay checks servers that cannot be spoken to at all.
func TestCheckTheWay(t *testing.T) {
	secure := httptest.NewTLSServer(answer(200, `{}`))
	t.Cleanup(secure.Close)

	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(secure.URL, "https://"))

	closed := httptest.NewServer(answer(200, `{}`))
	closed.Close()

	cases := map[string]struct {
		reason string
		config Config
		want   Health
	}{
		"Trusted":   {reason: "An authority that is named is trusted.", config: Config{Endpoint: secure.URL, CABundle: ca}, want: Usable},
		"Untrusted": {reason: "One that is not, is not.", config: Config{Endpoint: secure.URL}, want: CertificateUntrusted},
		"WrongHost": {reason: "A certificate for another host.", config: Config{Endpoint: "https://localhost:" + port, CABundle: ca}, want: CertificateUntrusted},
		"Closed":    {reason: "Nobody listens.", config: Config{Endpoint: closed.URL}, want: Unreachable},
		"NotTLS":    {reason: "TLS with a server that does not speak it.", config: Config{Endpoint: strings.Replace(withoutTLS(t), "http:", "https:", 1)}, want: Unreachable},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, err := New(tc.config)
			if err != nil {
				t.Fatalf("New(...): %v", err)
			}

			first := s.Check(t.Context())
			if diff := cmp.Diff(tc.want, s.Health()); diff != "" {
				t.Errorf("%s\nCheck(...): -want, +got:\n%s\n%v", tc.reason, diff, first)
			}

			if second := s.Check(t.Context()); fmt.Sprint(first) != fmt.Sprint(second) {
				t.Errorf("%s\nCheck(...): errors differ: %q, %q", tc.reason, first, second)
			}

			if s.Unusable() != nil {
				t.Errorf("%s\nRefusal(): want none, it may be over soon", tc.reason)
			}
		})
	}
}

// withoutTLS returns the URL of a server without TLS.
func withoutTLS(t *testing.T) string {
	t.Helper()

	srv := httptest.NewServer(answer(200, `{}`))
	t.Cleanup(srv.Close)

	return srv.URL
}

func TestCheckCalledOff(t *testing.T) {
	srv := httptest.NewServer(answer(200, `{}`))
	t.Cleanup(srv.Close)

	s, err := New(Config{Endpoint: srv.URL})
	if err != nil {
		t.Fatalf("New(...): %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if err := s.Check(ctx); !errors.Is(err, context.Canceled) || s.Health() != Unknown {
		t.Errorf("Check(...): want it to say nothing of the server, got %v, %q", err, s.Health())
	}
}

func TestExplain(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
		want   Health
	}{
		"Nil":       {reason: "No error says nothing."},
		"NotFound":  {reason: "An answer about a bucket says nothing of the server.", err: miniogo.ErrorResponse{Code: "NoSuchBucket", RequestID: "1", StatusCode: 404}},
		"Denied":    {reason: "The S3 API rejects.", err: fmt.Errorf("cannot look: %w", miniogo.ErrorResponse{Code: "AccessDenied", RequestID: "1", StatusCode: 403}), want: CredentialsRejected},
		"Ingress":   {reason: "A 403 that MinIO did not give.", err: miniogo.ErrorResponse{Code: "AccessDenied", StatusCode: 403}},
		"Unknown":   {reason: "The administration API rejects.", err: madmin.ErrorResponse{Code: "InvalidAccessKeyId"}, want: CredentialsRejected},
		"Failed":    {reason: "A server that fails says so itself.", err: madmin.ErrorResponse{Code: "InternalError"}},
		"Network":   {reason: "No answer.", err: &url.Error{Op: "Get", URL: "https://x", Err: &wayError{&net.OpError{Op: "dial", Err: errors.New("connection refused")}}}, want: Unreachable},
		"OtherWay":  {reason: "No answer of the API server.", err: &url.Error{Op: "Get", URL: "https://x", Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}},
		"Called":    {reason: "A call that was called off.", err: &url.Error{Op: "Get", URL: "https://x", Err: context.Canceled}},
		"Probed":    {reason: "Another's key says nothing of the administrator's.", err: &probeError{miniogo.ErrorResponse{Code: "InvalidAccessKeyId", StatusCode: 403}}},
		"Kube":      {reason: "An error of something else.", err: errors.New("cannot get Secret")},
		"Explained": {reason: "What is explained stays as it is.", err: fmt.Errorf("cannot: %w", &Error{Health: TooOld}), want: TooOld},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Explain(tc.err)

			v := Unknown
			if e, ok := errors.AsType[*Error](got); ok {
				v = e.Health
			}

			if diff := cmp.Diff(tc.want, v); diff != "" {
				t.Errorf("%s\nExplain(...): -want, +got:\n%s", tc.reason, diff)
			}

			if tc.err != nil && !strings.Contains(got.Error(), tc.err.Error()) {
				t.Errorf("%s\nExplain(...): %q lost %q", tc.reason, got, tc.err)
			}
		})
	}
}
