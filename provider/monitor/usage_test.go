package monitor

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/madmin-go/v3"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

func newBucket(name string) *miniov1alpha1.Bucket {
	b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "team-a"}}
	b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: "ClusterProviderConfig", Name: "default"}
	meta.SetExternalName(b, name)

	return b
}

// newServer returns a server that answers with what info points to, and counts
// calls.
func newServer(t *testing.T, info *madmin.AccountInfo, calls *int) *minio.Server {
	t.Helper()

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*calls++

		if info.AccountName == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}

		_ = json.NewEncoder(w).Encode(info)
	}))
	t.Cleanup(srv.Close)

	s, err := minio.New(minio.Config{Endpoint: srv.URL})
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func TestBuckets(t *testing.T) {
	notMade := newBucket("not-made")
	notMade.Annotations = nil

	const head = `
# HELP cistern_bucket_size_bytes Bytes that the objects of a managed bucket take, all versions, as the server's scanner counted them last.
# TYPE cistern_bucket_size_bytes gauge
`

	all := []madmin.BucketAccessInfo{
		{Name: "photos", Size: 7, Objects: 2, Details: &madmin.BucketDetails{}},
		{Name: "films", Size: 9, Objects: 1, Details: &madmin.BucketDetails{}},
		{Name: "not-made", Size: 1},
		{Name: "of-somebody-else", Size: 1},
	}
	changed := append([]madmin.BucketAccessInfo{{Name: "photos", Size: 8, Objects: 2, Details: &madmin.BucketDetails{Versioning: true}}}, all[1:]...)

	type answer struct {
		account string
		buckets []madmin.BucketAccessInfo
	}

	cases := map[string]struct {
		reason string
		second answer
		sizes  string
		woken  []string
	}{
		"Same": {
			reason: "Nobody is woken by nothing.",
			second: answer{"admin", all},
			sizes: head + `cistern_bucket_size_bytes{bucket="films",name="films",namespace="team-a"} 9
cistern_bucket_size_bytes{bucket="photos",name="photos",namespace="team-a"} 7
`,
		},
		"Changed": {
			reason: "A change of settings is looked at, a change of size only told.",
			second: answer{"admin", changed},
			sizes: head + `cistern_bucket_size_bytes{bucket="films",name="films",namespace="team-a"} 9
cistern_bucket_size_bytes{bucket="photos",name="photos",namespace="team-a"} 8
`,
			woken: []string{"photos"},
		},
		"Vanished": {
			reason: "A bucket that vanished is looked at, and told no more.",
			second: answer{"admin", all[1:]},
			sizes: head + `cistern_bucket_size_bytes{bucket="films",name="films",namespace="team-a"} 9
`,
			woken: []string{"photos"},
		},
		"NoAnswer": {
			reason: "A server that does not answer says nothing of its buckets.",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := runtime.NewScheme()
			if err := miniov1alpha1.AddToScheme(s); err != nil {
				t.Fatal(err)
			}

			kube := fake.NewClientBuilder().WithScheme(s).WithObjects(newBucket("photos"), newBucket("films"), notMade.DeepCopy()).Build()

			calls, asked := 0, 0
			info := &madmin.AccountInfo{AccountName: "admin", Buckets: all}
			srv := newServer(t, info, &calls)

			b := NewBuckets(kube, func(context.Context, resource.ModernManaged) (*minio.Server, error) {
				asked++
				return srv, nil
			}, logging.NewNopLogger())

			b.ask(t.Context())

			info.AccountName, info.Buckets = tc.second.account, tc.second.buckets
			b.ask(t.Context())

			if calls != 2 || asked != 2 {
				t.Errorf("%s\nwant one call and one configuration read for all Buckets of a server, got %d and %d in two rounds", tc.reason, calls, asked)
			}

			if err := testutil.CollectAndCompare(b, strings.NewReader(tc.sizes), "cistern_bucket_size_bytes"); err != nil {
				t.Errorf("%s\n%v", tc.reason, err)
			}

			var woken []string
			for len(b.wake) > 0 {
				woken = append(woken, (<-b.Changed()).Object.GetName())
			}

			if diff := cmp.Diff(tc.woken, woken); diff != "" {
				t.Errorf("%s\nwoken: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestBucketsVanishedBefore wants a bucket to be looked at that was gone when the
// provider asked first.
func TestBucketsVanishedBefore(t *testing.T) {
	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	kube := fake.NewClientBuilder().WithScheme(s).WithObjects(newBucket("photos"), newBucket("films")).Build()
	calls := 0
	srv := newServer(t, &madmin.AccountInfo{AccountName: "admin", Buckets: []madmin.BucketAccessInfo{{Name: "films"}}}, &calls)
	b := NewBuckets(kube, func(context.Context, resource.ModernManaged) (*minio.Server, error) { return srv, nil }, logging.NewNopLogger())

	b.ask(t.Context())

	if len(b.wake) != 1 || (<-b.Changed()).Object.GetName() != "photos" {
		t.Error("want the Bucket whose bucket is not in the answer to be looked at")
	}
}

// TestBucketsForgetLooks has a bucket change that is looked at together with others,
// through two configurations that lead to one server: neither may answer with a
// look of before.
func TestBucketsForgetLooks(t *testing.T) {
	info, looks := &madmin.AccountInfo{AccountName: "admin", Buckets: []madmin.BucketAccessInfo{{Name: "photos"}, {Name: "films"}}}, 0

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/accountinfo") {
			_ = json.NewEncoder(w).Encode(info)
			return
		}

		looks++

		_ = zip.NewWriter(w).Close()
	}))
	t.Cleanup(srv.Close)

	servers := make(map[string]*minio.Server)
	for _, config := range []string{"default", "other"} {
		s, err := minio.New(minio.Config{Endpoint: srv.URL}, minio.WithSnapshots(time.Hour))
		if err != nil {
			t.Fatal(err)
		}

		servers[config] = s
	}

	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	films := newBucket("films")
	films.Spec.ProviderConfigReference.Name = "other"

	b := NewBuckets(fake.NewClientBuilder().WithScheme(s).WithObjects(newBucket("photos"), films).Build(),
		func(_ context.Context, mg resource.ModernManaged) (*minio.Server, error) {
			return servers[mg.GetProviderConfigReference().Name], nil
		}, logging.NewNopLogger())

	// So many ask that looks pay.
	look := func() {
		for _, srv := range servers {
			for range 10 {
				_ = srv.BucketSnapshot(t.Context(), func(string) bool { return true })
			}
		}
	}

	b.ask(t.Context())
	look()

	if looks != 2 {
		t.Fatalf("want a look for each configuration, got %d", looks)
	}

	info.Buckets = nil
	b.ask(t.Context())
	look()

	if len(b.wake) != 2 || looks != 4 {
		t.Errorf("want both Buckets to be looked at, and each configuration to look anew, got %d and %d looks", len(b.wake), looks)
	}
}

// TestBucketsLeaveRefusedServers has a configuration lead to a server that must not
// be driven.
func TestBucketsLeaveRefusedServers(t *testing.T) {
	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	kube := fake.NewClientBuilder().WithScheme(s).WithObjects(newBucket("photos"), newBucket("films")).Build()
	calls := 0
	srv := newServer(t, &madmin.AccountInfo{AccountName: "admin"}, &calls)
	b := NewBuckets(kube, func(context.Context, resource.ModernManaged) (*minio.Server, error) {
		return srv, errors.New("too old")
	}, logging.NewNopLogger())

	b.ask(t.Context())

	if calls != 0 || len(b.wake) != 0 {
		t.Errorf("want the server not to be asked, and nobody to be woken, got %d calls, %d woken", calls, len(b.wake))
	}
}

// TestBucketsGo wants nothing to be kept of Buckets that are gone.
func TestBucketsGo(t *testing.T) {
	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	kube := fake.NewClientBuilder().WithScheme(s).WithObjects(newBucket("photos")).Build()
	calls := 0
	srv := newServer(t, &madmin.AccountInfo{AccountName: "admin", Buckets: []madmin.BucketAccessInfo{{Name: "photos"}}}, &calls)
	b := NewBuckets(kube, func(context.Context, resource.ModernManaged) (*minio.Server, error) { return srv, nil }, logging.NewNopLogger())

	b.ask(t.Context())

	if n := testutil.CollectAndCount(b); n != 2 {
		t.Errorf("want size and objects of one Bucket, got %d metrics", n)
	}

	if err := kube.Delete(t.Context(), client.Object(newBucket("photos"))); err != nil {
		t.Fatal(err)
	}

	b.ask(t.Context())

	if n := testutil.CollectAndCount(b); n != 0 || len(b.answers) != 0 || calls != 1 {
		t.Errorf("want nothing to be left, got %d metrics, %v, %d calls", n, b.answers, calls)
	}
}

func TestCalls(t *testing.T) {
	c := NewCalls()
	for range 2 {
		c.Observe(minio.Call{Operation: "admin:add-user", Outcome: minio.OutcomeOK, Duration: 20 * time.Millisecond})
	}

	want := `
# HELP cistern_minio_requests_total Calls to MinIO servers that are over, by operation (such as admin:add-user or s3:GetBucketVersioning) and outcome (ok, refused: 4xx, failed: 5xx, error: no answer).
# TYPE cistern_minio_requests_total counter
cistern_minio_requests_total{operation="admin:add-user",outcome="ok"} 2
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), "cistern_minio_requests_total"); err != nil {
		t.Error(err)
	}

	if n := testutil.CollectAndCount(c, "cistern_minio_request_duration_seconds"); n != 1 {
		t.Errorf("want one histogram, got %d", n)
	}
}
