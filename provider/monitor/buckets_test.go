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

// newServer returns a server that answers with info, or does not answer while that is empty, and
// counts calls.
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
	notCreated := newBucket("not-created")
	notCreated.Annotations = nil

	const head = `
# HELP cistern_bucket_size_bytes Bytes that the objects of a managed bucket take, all versions, as the server's scanner counted them last.
# TYPE cistern_bucket_size_bytes gauge
`

	all := []madmin.BucketAccessInfo{
		{Name: "photos", Size: 7, Objects: 2, Details: &madmin.BucketDetails{}},
		{Name: "films", Size: 9, Objects: 1, Details: &madmin.BucketDetails{}},
		{Name: "not-created", Size: 1},
		{Name: "unmanaged", Size: 1},
	}
	changed := append([]madmin.BucketAccessInfo{
		{Name: "photos", Size: 8, Objects: 2, Details: &madmin.BucketDetails{Versioning: true}},
	}, all[1:]...)

	type accountInfo struct {
		account string
		buckets []madmin.BucketAccessInfo
	}

	cases := map[string]struct {
		reason string
		second accountInfo
		sizes  string
		sent   []string
	}{
		"Same": {
			reason: "Without a change no Bucket is sent.",
			second: accountInfo{"admin", all},
			sizes: head + `cistern_bucket_size_bytes{bucket="films",name="films",namespace="team-a"} 9
cistern_bucket_size_bytes{bucket="photos",name="photos",namespace="team-a"} 7
`,
		},
		"Changed": {
			reason: "A Bucket with changed settings is sent, a changed size is only measured.",
			second: accountInfo{"admin", changed},
			sizes: head + `cistern_bucket_size_bytes{bucket="films",name="films",namespace="team-a"} 9
cistern_bucket_size_bytes{bucket="photos",name="photos",namespace="team-a"} 8
`,
			sent: []string{"photos"},
		},
		"Vanished": {
			reason: "A Bucket whose bucket has vanished is sent, and not measured any more.",
			second: accountInfo{"admin", all[1:]},
			sizes: head + `cistern_bucket_size_bytes{bucket="films",name="films",namespace="team-a"} 9
`,
			sent: []string{"photos"},
		},
		"NoAnswer": {
			reason: "A server that does not answer has no metrics.",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := runtime.NewScheme()
			if err := miniov1alpha1.AddToScheme(s); err != nil {
				t.Fatal(err)
			}

			kube := fake.NewClientBuilder().WithScheme(s).WithObjects(newBucket("photos"), newBucket("films"), notCreated.DeepCopy()).Build()

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
				t.Errorf("%s\nwant one call and one configuration read for all Buckets of a server, got %d and %d in two rounds",
					tc.reason, calls, asked)
			}

			if err := testutil.CollectAndCompare(b, strings.NewReader(tc.sizes), "cistern_bucket_size_bytes"); err != nil {
				t.Errorf("%s\n%v", tc.reason, err)
			}

			var sent []string
			for len(b.changed) > 0 {
				sent = append(sent, (<-b.Changed()).Object.GetName())
			}

			if diff := cmp.Diff(tc.sent, sent); diff != "" {
				t.Errorf("%s\nsent: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestBucketsMissingAtFirst expects a Bucket to be sent whose bucket is missing in the first answer.
func TestBucketsMissingAtFirst(t *testing.T) {
	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	kube := fake.NewClientBuilder().WithScheme(s).WithObjects(newBucket("photos"), newBucket("films")).Build()
	calls := 0
	srv := newServer(t, &madmin.AccountInfo{AccountName: "admin", Buckets: []madmin.BucketAccessInfo{{Name: "films"}}}, &calls)
	b := NewBuckets(kube, func(context.Context, resource.ModernManaged) (*minio.Server, error) { return srv, nil }, logging.NewNopLogger())

	b.ask(t.Context())

	if len(b.changed) != 1 || (<-b.Changed()).Object.GetName() != "photos" {
		t.Error("want the Bucket whose bucket is missing in the answer to be sent")
	}
}

// TestBucketsInvalidateSnapshots changes a bucket on a server to which two configurations lead, and
// expects the snapshots of both to be invalidated.
func TestBucketsInvalidateSnapshots(t *testing.T) {
	info := &madmin.AccountInfo{AccountName: "admin", Buckets: []madmin.BucketAccessInfo{{Name: "photos"}, {Name: "films"}}}
	snapshots := 0

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/accountinfo") {
			_ = json.NewEncoder(w).Encode(info)
			return
		}

		snapshots++

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

	// So many requests that snapshots are worthwhile.
	request := func() {
		for _, srv := range servers {
			for range 10 {
				_ = srv.BucketSnapshot(t.Context(), func(string) bool { return true })
			}
		}
	}

	b.ask(t.Context())
	request()

	if snapshots != 2 {
		t.Fatalf("want a snapshot for each configuration, got %d", snapshots)
	}

	info.Buckets = nil
	b.ask(t.Context())
	request()

	if len(b.changed) != 2 || snapshots != 4 {
		t.Errorf("want both Buckets to be sent, and a new snapshot for each configuration, got %d and %d snapshots",
			len(b.changed), snapshots)
	}
}

// TestBucketsSkipUnusableServers expects no call to a server that must not be driven.
func TestBucketsSkipUnusableServers(t *testing.T) {
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

	if calls != 0 || len(b.changed) != 0 {
		t.Errorf("want no call and no Bucket to be sent, got %d calls, %d Buckets", calls, len(b.changed))
	}
}

// TestBucketsForgetDeleted expects nothing to be kept of deleted Buckets.
func TestBucketsForgetDeleted(t *testing.T) {
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

	if n := testutil.CollectAndCount(b); n != 0 || len(b.previous) != 0 || calls != 1 {
		t.Errorf("want nothing to be kept, got %d metrics, %v, %d calls", n, b.previous, calls)
	}
}
