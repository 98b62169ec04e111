package monitor

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	"github.com/cistern-dev/cistern/provider/reconciler"
)

func newBucket(name string) *miniov1alpha1.Bucket {
	b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "team-a"}}
	b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: "ClusterProviderConfig", Name: "default"}
	meta.SetExternalName(b, name)

	return b
}

// noSettings, versioned and tagged are settings as RELEASE.2026-02-12 reports them.
const (
	noSettings = `{"versioning":false,"versioningSuspended":false,"locking":false,"replication":false,"tags":null,` +
		`"quota":{"quota":0,"size":0,"rate":0,"requests":0}}`
	versioned = `{"versioning":true,"versioningSuspended":false,"locking":false,"replication":false,"tags":null,` +
		`"quota":{"quota":0,"size":0,"rate":0,"requests":0}}`
	tagged = `{"versioning":false,"versioningSuspended":false,"locking":false,"replication":false,` +
		`"tags":{"XMLName":{"Space":"","Local":"Tagging"},"TagSet":{}},"quota":{"quota":0,"size":0,"rate":0,"requests":0}}`
)

// reported returns what a server reports of a bucket, as RELEASE.2026-02-12 writes it.
func reported(name string, size, objects int, details string) string {
	return fmt.Sprintf(`{"name":%q,"size":%d,"objects":%d,"objectHistogram":null,"objectsVersionsHistogram":null,"details":%s,`+
		`"prefixUsage":null,"created":"2026-11-26T05:55:29.395957664Z","access":{"read":true,"write":true}}`, name, size, objects, details)
}

// account returns what a server reports of its buckets, as RELEASE.2026-02-12 writes it.
func account(buckets ...string) string {
	return `{"AccountName":"admin","Server":{"Type":2,"GatewayOnline":false,"OnlineDisks":null,"StandardSCData":[2]},` +
		`"Policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["admin:*"]}]},"Buckets":[` + strings.Join(buckets, ",") + `]}`
}

// newServer returns a server that gives an answer, or does not answer while that is empty, and
// counts calls.
func newServer(t *testing.T, answer *string, calls *int) *minio.Server {
	t.Helper()

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*calls++

		w.Header().Set("X-Amz-Request-Id", "1")

		if *answer == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}

		_, _ = io.WriteString(w, *answer)
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

	all := []string{
		reported("photos", 7, 2, noSettings),
		reported("films", 9, 1, tagged),
		reported("not-created", 1, 1, noSettings),
		reported("unmanaged", 1, 1, noSettings),
	}
	changed := append([]string{reported("photos", 8, 2, versioned)}, all[1:]...)

	cases := map[string]struct {
		reason string
		second string
		sizes  string
		sent   []string
	}{
		"Same": {
			reason: "Without a change no Bucket is sent.",
			second: account(all...),
			sizes: head + `cistern_bucket_size_bytes{bucket="films",name="films",namespace="team-a"} 9
cistern_bucket_size_bytes{bucket="photos",name="photos",namespace="team-a"} 7
`,
		},
		"Changed": {
			reason: "A Bucket with changed settings is sent, a changed size is only measured.",
			second: account(changed...),
			sizes: head + `cistern_bucket_size_bytes{bucket="films",name="films",namespace="team-a"} 9
cistern_bucket_size_bytes{bucket="photos",name="photos",namespace="team-a"} 8
`,
			sent: []string{"photos"},
		},
		"Vanished": {
			reason: "A Bucket whose bucket has vanished is sent, and not measured any more.",
			second: account(all[1:]...),
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
			answer := account(all...)
			srv := newServer(t, &answer, &calls)

			b := NewBuckets(kube, func(context.Context, resource.ModernManaged) (*minio.Server, error) {
				asked++
				return srv, nil
			}, logging.NewNopLogger())

			b.ask(t.Context())

			answer = tc.second
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

// TestBucketsQuota reads the quota of a bucket, and of one without any, from the exposition text.
func TestBucketsQuota(t *testing.T) {
	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	const limited = `{"tags":null,"quota":{"quota":1073741824,"size":1073741824,"rate":0,"requests":0,"quotatype":"hard"}}`

	kube := fake.NewClientBuilder().WithScheme(s).WithObjects(newBucket("photos"), newBucket("films")).Build()
	calls := 0
	srv := newServer(t, new(account(reported("photos", 7, 2, limited), reported("films", 9, 1, noSettings))), &calls)
	b := NewBuckets(kube, func(context.Context, resource.ModernManaged) (*minio.Server, error) { return srv, nil }, logging.NewNopLogger())

	b.ask(t.Context())

	const want = `
# HELP cistern_bucket_quota_bytes Quota of a managed bucket, as the server reported it last. A bucket without a quota has no sample.
# TYPE cistern_bucket_quota_bytes gauge
cistern_bucket_quota_bytes{bucket="photos",name="photos",namespace="team-a"} 1.073741824e+09
`
	if err := testutil.CollectAndCompare(b, strings.NewReader(want), "cistern_bucket_quota_bytes"); err != nil {
		t.Error(err)
	}

	if calls != 1 {
		t.Errorf("want the call that asks for the sizes and no other, got %d", calls)
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
	srv := newServer(t, new(account(reported("films", 1, 1, noSettings))), &calls)
	b := NewBuckets(kube, func(context.Context, resource.ModernManaged) (*minio.Server, error) { return srv, nil }, logging.NewNopLogger())

	b.ask(t.Context())

	if len(b.changed) != 1 || (<-b.Changed()).Object.GetName() != "photos" {
		t.Error("want the Bucket whose bucket is missing in the answer to be sent")
	}
}

// TestBucketsSkipCopies expects a copy of a Bucket neither to be measured nor to be sent: the
// bucket belongs to its original, and a copy without one would be sent in each round.
func TestBucketsSkipCopies(t *testing.T) {
	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	copied, orphan := newBucket("photos"), newBucket("films")
	for _, b := range []*miniov1alpha1.Bucket{copied, orphan} {
		b.Namespace, b.UID = "team-b", "copy"
		meta.AddAnnotations(b, map[string]string{reconciler.AnnotationKeyOwnerUID: "original"})
	}

	kube := fake.NewClientBuilder().WithScheme(s).WithObjects(newBucket("photos"), copied, orphan).Build()
	calls := 0
	srv := newServer(t, new(account(reported("photos", 7, 2, noSettings))), &calls)
	b := NewBuckets(kube, func(context.Context, resource.ModernManaged) (*minio.Server, error) { return srv, nil }, logging.NewNopLogger())

	b.ask(t.Context())

	if n := testutil.CollectAndCount(b); n != 2 || len(b.changed) != 0 {
		t.Errorf("want size and objects of the original only, and nothing to be sent, got %d metrics, %d Buckets", n, len(b.changed))
	}
}

// TestBucketsInvalidateSnapshots changes a bucket on a server to which two configurations lead, and
// expects the snapshots of both to be invalidated.
func TestBucketsInvalidateSnapshots(t *testing.T) {
	answer := account(reported("photos", 1, 1, noSettings), reported("films", 1, 1, noSettings))
	snapshots := 0

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "1")

		if strings.HasSuffix(r.URL.Path, "/accountinfo") {
			_, _ = io.WriteString(w, answer)
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

	answer = account()
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
	srv := newServer(t, new(account()), &calls)
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
	srv := newServer(t, new(account(reported("photos", 1, 1, noSettings))), &calls)
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
