package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRequests counts the requests of two claims.
func TestRequests(t *testing.T) {
	const before = `
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",group="apps.cozystack.io",resource="buckets",subresource="status",verb="APPLY"} 5
apiserver_request_total{code="200",group="",resource="secrets",subresource="",verb="GET"} 3
`

	const after = `
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",group="apps.cozystack.io",resource="buckets",subresource="status",verb="APPLY"} 13
apiserver_request_total{code="409",group="apps.cozystack.io",resource="buckets",subresource="status",verb="APPLY"} 2
apiserver_request_total{code="200",group="apps.cozystack.io",resource="buckets",subresource="",verb="APPLY"} 10
apiserver_request_total{code="200",group="apps.cozystack.io",resource="buckets",subresource="",verb="GET"} 100
apiserver_request_total{code="200",group="minio.cistern.dev",resource="buckets",subresource="status",verb="PUT"} 2
apiserver_request_total{code="200",group="minio.cistern.dev",resource="users",subresource="",verb="PATCH"} 4
apiserver_request_total{code="201",group="minio.cistern.dev",resource="users",subresource="",verb="APPLY"} 2
apiserver_request_total{code="200",group="minio.cistern.dev",resource="users",subresource="",verb="WATCH"} 7
apiserver_request_total{code="200",group="minio.cistern.dev",resource="users",subresource="",verb="DELETE"} 7
apiserver_request_total{code="200",group="",resource="secrets",subresource="",verb="GET"} 5
apiserver_request_total{code="404",group="",resource="secrets",subresource="",verb="GET"} 4
apiserver_request_total{code="201",group="",resource="events",subresource="",verb="POST"} 2
apiserver_request_total{code="200",group="",resource="events",subresource="",verb="LIST"} 9
apiserver_request_total{code="200",group="",resource="pods",subresource="",verb="GET"} 9
`

	first, err := parseRequests(strings.NewReader(before))
	if err != nil {
		t.Fatal(err)
	}

	second, err := parseRequests(strings.NewReader(after))
	if err != nil {
		t.Fatal(err)
	}

	want := ClaimCost{Requests: 18, Passes: 5, SecretReads: 3, EventWrites: 1, ProviderWrites: 3}
	if diff := cmp.Diff(want, second.Since(first).Cost(2)); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}

	if got := second.Since(second); len(got) > 0 {
		t.Errorf("want no requests without a change, got %v", got)
	}
}
