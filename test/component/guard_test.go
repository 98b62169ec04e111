package component

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGuard makes calls through a guard. It checks that those that change what was there before
// are refused, that all others reach the server, and what is removed afterwards.
func TestGuard(t *testing.T) {
	t.Parallel()

	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(server.Close)

	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}

	g := newGuard(u, &http.Transport{})
	g.protect(Inventory{
		Buckets: []string{"theirs"}, Users: []string{"their-user"}, Policies: []string{"their-policy"}, AccessKeys: []string{"their-user/THEIRKEY"},
	})

	front := httptest.NewServer(g)
	t.Cleanup(front.Close)

	const admin = "/minio/admin/v3/"

	for _, tc := range []struct {
		method, path string
		refused      bool
	}{
		{method: http.MethodPut, path: "/ours"},
		{method: http.MethodPut, path: "/ours?versioning="},
		{method: http.MethodPut, path: "/ours/theirs"},
		{method: http.MethodGet, path: "/theirs"},
		{method: http.MethodPut, path: "/theirs", refused: true},
		{method: http.MethodPut, path: "/theirs?policy=", refused: true},
		{method: http.MethodPost, path: "/theirs?delete=", refused: true},
		{method: http.MethodDelete, path: "/theirs/object", refused: true},
		{method: http.MethodDelete, path: "/theirs", refused: true},
		{method: http.MethodPut, path: admin + "set-bucket-quota?bucket=ours"},
		{method: http.MethodPut, path: admin + "set-bucket-quota?bucket=theirs", refused: true},
		{method: http.MethodPut, path: admin + "add-user?accessKey=our-user"},
		{method: http.MethodPut, path: admin + "add-user?accessKey=their-user", refused: true},
		{method: http.MethodDelete, path: admin + "remove-user?accessKey=their-user", refused: true},
		{method: http.MethodDelete, path: admin + "delete-service-account?accessKey=THEIRKEY", refused: true},
		{method: http.MethodGet, path: admin + "user-info?accessKey=their-user"},
		{method: http.MethodPut, path: admin + "add-canned-policy?name=our-policy"},
		{method: http.MethodPut, path: admin + "add-canned-policy?name=their-policy", refused: true},
		{method: http.MethodPut, path: admin + "set-user-or-group-policy?policyName=their-policy&userOrGroup=our-user&isGroup=false"},
		{method: http.MethodPut, path: admin + "set-user-or-group-policy?policyName=our-policy&userOrGroup=their-user&isGroup=false", refused: true},
		{method: http.MethodPut, path: "/made-and-removed"},
		{method: http.MethodDelete, path: "/made-and-removed"},
	} {
		reached = false

		req, err := http.NewRequestWithContext(t.Context(), tc.method, front.URL+tc.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}

		rsp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}

		_, _ = io.Copy(io.Discard, rsp.Body)
		_ = rsp.Body.Close()

		if reached == tc.refused || (rsp.StatusCode == http.StatusForbidden) != tc.refused {
			t.Errorf("%s %s: want it refused: %t, got status %d", tc.method, tc.path, tc.refused, rsp.StatusCode)
		}
	}

	want := []thing{{kindUser, "our-user"}, {kindPolicy, "our-policy"}, {kindBucket, "made-and-removed"}, {kindBucket, "ours"}}
	if diff := cmp.Diff(want, g.things(), cmp.AllowUnexported(thing{})); diff != "" {
		t.Errorf("what is removed: -want, +got:\n%s", diff)
	}
}

// TestExternalFromEnvironment checks what MINIO_URL may be, and that it needs keys.
func TestExternalFromEnvironment(t *testing.T) {
	for name, tc := range map[string]struct {
		url, user string
		wantErr   bool
	}{
		"None":   {},
		"TLS":    {url: "https://minio.example.org", user: "admin"},
		"Port":   {url: "http://10.0.0.1:9000/", user: "admin"},
		"Path":   {url: "https://example.org/minio", user: "admin", wantErr: true},
		"Host":   {url: "minio.example.org:9000", user: "admin", wantErr: true},
		"Scheme": {url: "ftp://minio.example.org", user: "admin", wantErr: true},
		"NoKeys": {url: "https://minio.example.org", wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("MINIO_URL", tc.url)
			t.Setenv("MINIO_ROOT_USER", tc.user)
			t.Setenv("MINIO_ROOT_PASSWORD", "secret")
			t.Setenv("MINIO_CA", "")

			x, err := ExternalFromEnvironment()
			if (err != nil) != tc.wantErr || (x != nil) != (tc.url != "" && !tc.wantErr) {
				t.Errorf("ExternalFromEnvironment(): %v, error %v", x, err)
			}
		})
	}
}

// TestRelease checks that a misspelt release is none.
func TestRelease(t *testing.T) {
	for value, want := range map[string]string{"": "minio", "newest": "minio", "oldest": "minio-oldest", "older": ""} {
		t.Setenv(releaseVariable, value)

		if got, err := Release(); got != want || (err == nil) != (want != "") {
			t.Errorf("Release() with %q: %q, %v", value, got, err)
		}
	}
}
