package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/providertest"
)

// usableSpec returns the configuration of a server that answers, with the credentials of a
// namespace.
func usableSpec(t *testing.T, secretNamespace string) miniov1alpha1.ProviderConfigSpec {
	t.Helper()

	spec := providertest.NewSpec(secretNamespace)
	spec.PublicEndpoint = spec.Endpoint
	spec.Endpoint = providertest.NewMinIO(t, providertest.Version)

	return spec
}

func TestServersFor(t *testing.T) {
	type want struct {
		accessKey string
		public    string
		// err holds texts that the error must contain.
		err []string
	}

	credentials := slices.Clip([]client.Object{providertest.NewCredentials("team-a"), providertest.NewCredentials("minio")})

	cases := map[string]struct {
		reason  string
		kind    string
		objects []client.Object
		want    want
	}{
		"OwnNamespace": {
			reason:  "A ProviderConfig reads its own namespace.",
			kind:    "ProviderConfig",
			objects: append(credentials, providertest.NewConfig(usableSpec(t, ""))),
			want:    want{accessKey: "root-team-a", public: "https://127.0.0.1:1"},
		},
		"ForeignNamespace": {
			reason:  "A ProviderConfig reads no other namespace, even if it was stored with one.",
			kind:    "ProviderConfig",
			objects: append(credentials, providertest.NewConfig(providertest.NewSpec("minio"))),
			want:    want{err: []string{`ProviderConfig "default"`, `its own namespace only, not "minio"`}},
		},
		"Cluster": {
			reason:  "A ClusterProviderConfig reads the namespace that it names.",
			kind:    "ClusterProviderConfig",
			objects: append(credentials, providertest.NewClusterConfig(usableSpec(t, "minio"))),
			want:    want{accessKey: "root-minio", public: "https://127.0.0.1:1"},
		},
		"MissingConfig": {
			reason: "A missing configuration is named.",
			kind:   "ClusterProviderConfig",
			want:   want{err: []string{`cannot get ClusterProviderConfig "default"`}},
		},
		"MissingSecret": {
			reason:  "A missing Secret is named.",
			kind:    "ClusterProviderConfig",
			objects: []client.Object{providertest.NewClusterConfig(providertest.NewSpec("minio"))},
			want:    want{err: []string{`ClusterProviderConfig "default"`, `cannot read "admin" in namespace "minio"`}},
		},
		"EmptySecret": {
			reason: "Missing keys are named.",
			kind:   "ClusterProviderConfig",
			objects: []client.Object{
				providertest.NewClusterConfig(providertest.NewSpec("minio")),
				&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "admin", Namespace: "minio"}},
			},
			want: want{err: []string{"accessKey", "secretKey"}},
		},
		"BadCABundle": {
			reason: "A CA bundle without a certificate is an error, not no bundle.",
			kind:   "ClusterProviderConfig",
			objects: []client.Object{
				providertest.NewClusterConfig(func() miniov1alpha1.ProviderConfigSpec {
					s := providertest.NewSpec("minio")
					s.CABundle = &miniov1alpha1.CABundle{Inline: "nonsense"}

					return s
				}()),
				providertest.NewCredentials("minio"),
			},
			want: want{err: []string{"the CA bundle holds no PEM certificate"}},
		},
		"UnknownKind": {
			reason: "A kind that is no provider configuration is an error.",
			kind:   "Secret",
			want:   want{err: []string{`"Secret" is neither ProviderConfig nor ClusterProviderConfig`}},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := NewServers(fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).WithObjects(tc.objects...).Build())

			srv, err := s.For(context.Background(), providertest.NewBucket(tc.kind))
			if (err != nil) != (len(tc.want.err) > 0) {
				t.Fatalf("%s\nFor(...): %v", tc.reason, err)
			}

			for _, text := range tc.want.err {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%s\nFor(...): error %q does not contain %q", tc.reason, err, text)
				}
			}

			if err != nil {
				return
			}

			if diff := cmp.Diff(tc.want, want{accessKey: srv.AccessKey, public: srv.PublicEndpoint}, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("%s\nFor(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestServersAreReused expects one server as long as nothing changes, and another once a change
// of the Secret was read.
func TestServersAreReused(t *testing.T) {
	ctx := context.Background()
	kube := fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).
		WithObjects(providertest.NewClusterConfig(usableSpec(t, "minio")), providertest.NewCredentials("minio")).Build()
	s := NewServers(kube)
	now := time.Now()
	s.now = func() time.Time { return now }

	get := func() *minio.Server {
		srv, err := s.For(ctx, providertest.NewBucket("ClusterProviderConfig"))
		if err != nil {
			t.Fatalf("For(...): %v", err)
		}

		return srv
	}

	first := get()
	if first != get() {
		t.Error("For(...): want the same server while nothing changes")
	}

	changed := providertest.NewCredentials("minio")
	changed.Data["secretKey"] = []byte("another")

	if err := kube.Update(ctx, changed); err != nil {
		t.Fatal(err)
	}

	if first != get() {
		t.Error("For(...): want the Secret not to be read for each call")
	}

	now = now.Add(referencesTTL)

	if first == get() {
		t.Error("For(...): want another server once the credentials have changed")
	}
}

// TestServersOutliveConfigurations deletes the credentials: the server is returned only to
// resources that are being deleted.
func TestServersOutliveConfigurations(t *testing.T) {
	ctx := context.Background()
	kube := fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).
		WithObjects(providertest.NewConfig(usableSpec(t, "")), providertest.NewCredentials("team-a")).Build()
	s := NewServers(kube)
	b := providertest.NewBucket("ProviderConfig")

	want, err := s.For(ctx, b)
	if err != nil {
		t.Fatalf("For(...): %v", err)
	}

	if err := kube.Delete(ctx, providertest.NewCredentials("team-a")); err != nil {
		t.Fatal(err)
	}

	now := time.Now().Add(referencesTTL)
	s.now = func() time.Time { return now }

	if _, err := s.For(ctx, b); err == nil {
		t.Error("For(...): want an error for a resource that is not being deleted")
	}

	b.DeletionTimestamp = new(metav1.Now())

	if got, err := s.For(ctx, b); err != nil || got != want {
		t.Errorf("For(...): want the previous server for a resource that is being deleted, got %v", err)
	}
}

// TestUnusableServersAreRechecked asks for a server that is too old, and again once it was
// updated.
func TestUnusableServersAreRechecked(t *testing.T) {
	version := "2020-01-01T00:00:00Z"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "1")
		_, _ = io.WriteString(w, `{"servers":[{"version":"`+version+`"}]}`)
	}))
	t.Cleanup(srv.Close)

	spec := providertest.NewSpec("")
	spec.Endpoint = srv.URL

	s := NewServers(fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).
		WithObjects(providertest.NewConfig(spec), providertest.NewCredentials("team-a")).Build())
	now := time.Now()
	s.now = func() time.Time { return now }

	for _, step := range []struct {
		reason  string
		version string
		after   time.Duration
		want    bool
	}{
		{reason: "A server that is too old is an error.", version: version},
		{reason: "It is not checked for each resource.", version: providertest.Version, after: recheckUnusable / 2},
		{reason: "It is checked again after recheckUnusable.", version: providertest.Version, after: recheckUnusable, want: true},
	} {
		version, now = step.version, now.Add(step.after)

		if _, err := s.For(t.Context(), providertest.NewBucket(miniov1alpha1.ProviderConfigKind.Kind)); (err == nil) != step.want {
			t.Errorf("%s\nFor(...): want %t, got %v", step.reason, step.want, err)
		}
	}
}

// TestUnreachableServers asks for a server that does not answer: only some of the calls of For
// may cause one to the server, and For returns the error of the last check.
func TestUnreachableServers(t *testing.T) {
	var (
		checks atomic.Int64
		up     atomic.Bool
	)

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		checks.Add(1)

		if !up.Load() {
			panic(http.ErrAbortHandler)
		}

		w.Header().Set("X-Amz-Request-Id", "1")
		_, _ = io.WriteString(w, `{"servers":[{"version":"`+providertest.Version+`"}]}`)
	}))
	t.Cleanup(srv.Close)

	spec := providertest.NewSpec("")
	spec.Endpoint = srv.URL

	s := NewServers(fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).
		WithObjects(providertest.NewConfig(spec), providertest.NewCredentials("team-a")).Build())
	now := time.Now()
	s.now = func() time.Time { return now }

	b, deleted := providertest.NewBucket("ProviderConfig"), providertest.NewBucket("ProviderConfig")
	deleted.DeletionTimestamp = new(metav1.Now())

	for _, step := range []struct {
		reason string
		after  time.Duration
		up     bool
		checks int64
		want   bool
	}{
		{reason: "The server is checked before its first use.", checks: 1},
		{reason: "It is not asked for each resource.", after: recheckUnreachable / 2, up: true, checks: 1},
		{reason: "It is asked again after recheckUnreachable.", after: recheckUnreachable, up: true, checks: 2, want: true},
	} {
		now = now.Add(step.after)
		up.Store(step.up)

		for _, b := range []*miniov1alpha1.Bucket{b, deleted} {
			_, err := s.For(t.Context(), b)
			if (err == nil) != step.want || (err != nil && !strings.Contains(err.Error(), `cannot use ProviderConfig "default": the server does not answer`)) {
				t.Errorf("%s\nFor(...): want a server: %t, got %v", step.reason, step.want, err)
			}
		}

		if got := checks.Load(); got != step.checks {
			t.Errorf("%s\nwant %d calls to the server, got %d", step.reason, step.checks, got)
		}
	}
}

// TestFirstCheckTakesLong asks for a server that accepts connections and never answers: For
// returns a conflict, and ends with its context.
func TestFirstCheckTakesLong(t *testing.T) {
	done := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(done) })

	spec := providertest.NewSpec("")
	spec.Endpoint = srv.URL

	s := NewServers(fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).
		WithObjects(providertest.NewConfig(spec), providertest.NewCredentials("team-a")).Build())

	began := time.Now()

	if _, err := s.For(t.Context(), providertest.NewBucket("ProviderConfig")); !kerrors.IsConflict(err) {
		t.Errorf("For(...): want a conflict, got %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if _, err := s.For(ctx, providertest.NewBucket("ProviderConfig")); err == nil || time.Since(began) > firstCheckWait*3/2 {
		t.Errorf("For(...): want an error as soon as the context ends, got %v after %s", err, time.Since(began))
	}
}
