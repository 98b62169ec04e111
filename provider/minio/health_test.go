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

// answer returns a handler that gives every request the same answer.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestCheck(t *testing.T) {
	type want struct {
		health   Health
		unusable bool
		text     string
	}

	cases := map[string]struct {
		reason  string
		handler http.HandlerFunc
		region  string
		known   []string
		want    want
	}{
		"Usable": {
			reason:  "A current server.",
			handler: answer(200, `{"mode":"online","servers":[{"state":"online","version":"2026-02-12T20:18:48Z"}]}`),
			want:    want{health: Usable},
		},
		"Fork": {
			reason:  "A fork with its own version numbers, which serves the API.",
			handler: answer(200, `{"mode":"online","servers":[{"state":"online","version":"1.0.0"}]}`),
			want:    want{health: Usable},
		},
		"Region": {
			reason:  "The server has another region than the configuration.",
			handler: answer(200, recordedInfo),
			region:  "us-west-2",
			want:    want{health: WrongRegion, unusable: true, text: `spec.region is "us-west-2", the server's region is "eu-1"`},
		},
		"SameRegion": {
			reason:  "The server has the region of the configuration.",
			handler: answer(200, recordedInfo),
			region:  "eu-1",
			want:    want{health: Usable},
		},
		"AnyRegion": {
			reason:  "A server without a region accepts any.",
			handler: answer(200, `{"mode":"online","servers":[{"state":"online","version":"2026-02-12T20:18:48Z"}]}`),
			region:  "us-west-2",
			want:    want{health: Usable},
		},
		"Changed": {
			reason:  "Another server answers.",
			handler: answer(200, recordedInfo),
			known:   []string{"another", ""},
			want:    want{health: Changed, unusable: true, text: "its deployment ID is 95f8e8f6-97e4-4207-8c7d-df79559ec76b, and was another"},
		},
		"Confirmed": {
			reason:  "Another server answers, and was confirmed.",
			handler: answer(200, recordedInfo),
			known:   []string{"another", "95f8e8f6-97e4-4207-8c7d-df79559ec76b"},
			want:    want{health: Usable},
		},
		"TooOld": {
			reason:  "A server that is too old to be driven.",
			handler: answer(200, `{"mode":"online","servers":[{"state":"online","version":"2025-09-07T16:13:09Z"}]}`),
			want:    want{health: TooOld, unusable: true, text: "RELEASE.2025-10-15"},
		},
		"UnknownKey": {
			reason:  "MinIO does not know the key.",
			handler: answer(403, `{"Code":"InvalidAccessKeyId","Message":"The key does not exist in our records.","RequestId":"1","HostId":"2"}`),
			want:    want{health: CredentialsRejected, text: "does not exist in our records"},
		},
		"NoAdministrator": {
			reason:  "MinIO knows the key, but not as an administrator's.",
			handler: answer(403, `{"Code":"AccessDenied","Message":"Access Denied.","RequestId":"1","HostId":"2"}`),
			want:    want{health: CredentialsRejected, text: "Access Denied"},
		},
		"Starting": {
			reason:  "MinIO is starting.",
			handler: answer(503, `{"Code":"XMinioServerNotInitialized","Message":"Server not initialized yet.","RequestId":"1","HostId":"2"}`),
			want:    want{health: Unreachable, text: "not initialized"},
		},
		"Gateway": {
			reason:  "A gateway whose server does not answer.",
			handler: answer(502, `<html>Bad Gateway</html>`),
			want:    want{health: Unreachable},
		},
		"Console": {
			reason:  "MinIO's console answers every request with its page.",
			handler: answer(200, `<!doctype html><html></html>`),
			want:    want{health: NoAdminAPI, unusable: true, text: "console"},
		},
		"NoContent": {
			reason:  "An answer without content.",
			handler: answer(200, ``),
			want:    want{health: NoAdminAPI, unusable: true},
		},
		"Kubernetes": {
			reason:  "The 403 of another service says nothing about the credentials.",
			handler: answer(403, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`),
			want:    want{health: NoAdminAPI, unusable: true},
		},
		"OtherS3": {
			reason:  "A server with the S3 API alone takes the path for that of an object.",
			handler: answer(404, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchBucket</Code><RequestId>1</RequestId></Error>`),
			want:    want{health: NoAdminAPI, unusable: true},
		},
		"ClockSkew": {
			reason: "RELEASE.2026-02-12 writes this error in XML.",
			handler: answer(403, `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the server&#39;s time is too large.</Message>`+
				`<Resource>/minio/admin/v3/info</Resource><Region>eu-1</Region><RequestId>18EB866BA897A95B</RequestId><HostId>2</HostId></Error>`),
			want: want{health: ClockSkew, text: "compare the clocks"},
		},
		"ClockSkewInJSON": {
			reason:  "The same in the form of the administration API.",
			handler: answer(403, `{"Code":"RequestTimeTooSkewed","Message":"The difference is too large.","RequestId":"1","HostId":"2"}`),
			want:    want{health: ClockSkew, text: "compare the clocks"},
		},
		"UnknownKeyInXML": {
			reason:  "Some rejections are written in XML.",
			handler: answer(403, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>InvalidAccessKeyId</Code><RequestId>1</RequestId></Error>`),
			want:    want{health: CredentialsRejected, text: "rejects the credentials"},
		},
		"WrongSecretInXML": {
			reason:  "A secret key that is not the key's.",
			handler: answer(403, `<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match.</Message></Error>`),
			want:    want{health: CredentialsRejected, text: "does not match"},
		},
		"DeniedInXML": {
			reason:  "A key without the permission.",
			handler: answer(403, `<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>`),
			want:    want{health: CredentialsRejected, text: "Access Denied"},
		},
		"AIStor": {
			reason: "AIStor serves version 4 of the API only.",
			handler: answer(426, `{"Code":"XMinioAdminVersionMismatch","Message":"Server expects client requests with 'admin' API version 'v4', found 'v3', `+
				`please upgrade the client to latest releases","Resource":"/minio/admin/v3/info","Region":"","RequestId":"","HostId":""}`),
			want: want{health: UnsupportedAdminAPI, unusable: true, text: "AIStor"},
		},
		"NotFound": {
			reason:  "A web server.",
			handler: answer(404, "404 page not found\n"),
			want:    want{health: NoAdminAPI, unusable: true},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(tc.handler)
			t.Cleanup(srv.Close)

			s, err := New(Config{Endpoint: srv.URL, AccessKey: "admin", SecretKey: "do-not-show-me", Region: tc.region})
			if err != nil {
				t.Fatalf("New(...): %v", err)
			}

			if h, err := s.Health(), s.Unusable(); h != Unknown || err != nil {
				t.Errorf("%s\nbefore Check(...): %q, %v", tc.reason, h, err)
			}

			s.Expect(tc.known...)

			err = s.Check(t.Context())
			got := want{health: s.Health(), unusable: s.Unusable() != nil}

			if (err == nil) != (tc.want.health == Usable) {
				t.Errorf("%s\nCheck(...): %v", tc.reason, err)
			}

			if err != nil && !strings.Contains(err.Error(), tc.want.text) {
				t.Errorf("%s\nCheck(...): error %q does not contain %q", tc.reason, err, tc.want.text)
			}

			tc.want.text = ""
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("%s\nCheck(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestCheckConnection checks servers to which the connection fails.
func TestCheckConnection(t *testing.T) {
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
		"Trusted": {
			reason: "An authority that the CA bundle holds is trusted.",
			config: Config{Endpoint: secure.URL, CABundle: ca},
			want:   Usable,
		},
		"Untrusted": {
			reason: "An authority that the CA bundle does not hold is not trusted.",
			config: Config{Endpoint: secure.URL},
			want:   CertificateUntrusted,
		},
		"WrongHost": {
			reason: "The certificate is for another host.",
			config: Config{Endpoint: "https://localhost:" + port, CABundle: ca},
			want:   CertificateUntrusted,
		},
		"Closed": {
			reason: "No server listens.",
			config: Config{Endpoint: closed.URL},
			want:   Unreachable,
		},
		"NotTLS": {
			reason: "The server does not speak TLS.",
			config: Config{Endpoint: strings.Replace(withoutTLS(t), "http:", "https:", 1)},
			want:   Unreachable,
		},
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
				t.Errorf("%s\nUnusable(): want no error, the failure may be over soon", tc.reason)
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

func TestCheckCancelled(t *testing.T) {
	srv := httptest.NewServer(answer(200, `{}`))
	t.Cleanup(srv.Close)

	s, err := New(Config{Endpoint: srv.URL})
	if err != nil {
		t.Fatalf("New(...): %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if err := s.Check(ctx); !errors.Is(err, context.Canceled) || s.Health() != Unknown {
		t.Errorf("Check(...): want the health to stay unknown, got %v, %q", err, s.Health())
	}
}

func TestExplain(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}

	cases := map[string]struct {
		reason string
		err    error
		want   Health
	}{
		"Nil": {
			reason: "No error has no cause.",
		},
		"NotFound": {
			reason: "An answer about a bucket says nothing about the server.",
			err:    miniogo.ErrorResponse{Code: "NoSuchBucket", RequestID: "1", StatusCode: 404},
		},
		"Denied": {
			reason: "MinIO's S3 API rejects the credentials.",
			err:    fmt.Errorf("cannot read: %w", miniogo.ErrorResponse{Code: "AccessDenied", RequestID: "1", StatusCode: 403}),
			want:   CredentialsRejected,
		},
		"Ingress": {
			reason: "A gateway's 403 says nothing about the credentials.",
			err:    miniogo.ErrorResponse{Code: "AccessDenied", StatusCode: 403},
		},
		"Unknown": {
			reason: "The administration API rejects the credentials.",
			err:    madmin.ErrorResponse{Code: "InvalidAccessKeyId"},
			want:   CredentialsRejected,
		},
		"Failed": {
			reason: "An internal error of the server is not explained by its health.",
			err:    madmin.ErrorResponse{Code: "InternalError"},
		},
		"Network": {
			reason: "The connection to the server fails.",
			err:    &url.Error{Op: "Get", URL: "https://x", Err: &transportError{refused}},
			want:   Unreachable,
		},
		"OtherNetwork": {
			reason: "A connection to something else fails, such as the API server.",
			err:    &url.Error{Op: "Get", URL: "https://x", Err: refused},
		},
		"Cancelled": {
			reason: "A cancelled call says nothing about the server.",
			err:    &url.Error{Op: "Get", URL: "https://x", Err: context.Canceled},
		},
		"Probed": {
			reason: "A user's key says nothing about the administrator's.",
			err:    &probeError{miniogo.ErrorResponse{Code: "InvalidAccessKeyId", StatusCode: 403}},
		},
		"Kube": {
			reason: "An error of something else stays as it is.",
			err:    errors.New("cannot get Secret"),
		},
		"Explained": {
			reason: "An explained error stays as it is.",
			err:    fmt.Errorf("cannot: %w", &Error{Health: TooOld}),
			want:   TooOld,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Explain(tc.err)

			health := Unknown
			if e, ok := errors.AsType[*Error](got); ok {
				health = e.Health
			}

			if diff := cmp.Diff(tc.want, health); diff != "" {
				t.Errorf("%s\nExplain(...): -want, +got:\n%s", tc.reason, diff)
			}

			if tc.err != nil && !strings.Contains(got.Error(), tc.err.Error()) {
				t.Errorf("%s\nExplain(...): %q lost %q", tc.reason, got, tc.err)
			}
		})
	}
}
