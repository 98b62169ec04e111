package kind

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// newMinIO returns the URL of a server that says it is of a version, to those who
// come with the credentials of newCredentials.
func newMinIO(t *testing.T, version string) string {
	t.Helper()

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=root-team-a/") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"Code":"InvalidAccessKeyId","Message":"no such key","RequestId":"1"}`)

			return
		}

		_, _ = io.WriteString(w, `{"servers":[{"version":"`+version+`"}]}`)
	}))
	t.Cleanup(srv.Close)

	return srv.URL
}

const versionOfNow = "2026-02-12T20:18:48Z"

func TestHealth(t *testing.T) {
	ctx := context.Background()
	nn := client.ObjectKeyFromObject(newConfig(newSpec("")))

	spec := newSpec("")
	spec.Endpoint = newMinIO(t, versionOfNow)

	l := newLagging(t, newConfig(spec), newCredentials("team-a"))
	events := &told{}
	h := &health{
		kube: l, servers: NewServers(l), record: events, kind: v1alpha1.ProviderConfigKind.Kind,
		newConfig: func() resource.ProviderConfig { return &v1alpha1.ProviderConfig{} },
	}

	// Each step changes something, and is looked at twice.
	steps := []struct {
		reason string
		change func() error
		want   xpv1.ConditionReason
		text   string
		again  time.Duration
	}{
		{
			reason: "A server that can be used.",
			change: func() error { return nil },
			want:   v1alpha1.ReasonServerUsable,
			again:  checkInterval,
		},
		{
			reason: "Credentials that the server does not know.",
			change: func() error {
				s := newCredentials("team-a")
				s.Data["accessKey"] = []byte("somebody")

				return l.Update(ctx, s)
			},
			want:  v1alpha1.ReasonCredentialsRejected,
			text:  "no such key",
			again: checkAgain,
		},
		{
			reason: "Credentials that are missing.",
			change: func() error { return l.Delete(ctx, newCredentials("team-a")) },
			want:   v1alpha1.ReasonConfigurationInvalid,
			text:   `cannot read "admin" in namespace "team-a"`,
			again:  checkAgain,
		},
		{
			reason: "Credentials that are good again.",
			change: func() error { return l.Create(ctx, newCredentials("team-a")) },
			want:   v1alpha1.ReasonServerUsable,
			again:  checkInterval,
		},
	}

	for i, s := range steps {
		if err := s.change(); err != nil {
			t.Fatal(err)
		}

		for range 2 {
			r, err := h.Reconcile(ctx, reconcile.Request{NamespacedName: nn})
			if err != nil {
				t.Fatalf("%s\nReconcile(...): %v", s.reason, err)
			}

			if r.RequeueAfter < s.again || r.RequeueAfter > s.again*3/2 {
				t.Errorf("%s\nReconcile(...): want the next look after %s, got %s", s.reason, s.again, r.RequeueAfter)
			}
		}

		pc := &v1alpha1.ProviderConfig{}
		if err := l.Get(ctx, nn, pc); err != nil {
			t.Fatal(err)
		}

		c := pc.GetCondition(xpv1.TypeReady)
		if c.Reason != s.want || !strings.Contains(c.Message, s.text) {
			t.Errorf("%s\nwant %s: …%s…, got %s: %s", s.reason, s.want, s.text, c.Reason, c.Message)
		}

		if strings.Contains(c.Message, "do-not-show-me") {
			t.Errorf("%s\nthe message shows a credential: %s", s.reason, c.Message)
		}

		if l.statusWrites != i+1 || len(events.messages) != i+1 {
			t.Errorf("%s\nwant one write and one event for each change, %d in all, got %d and %d", s.reason, i+1, l.statusWrites, len(events.messages))
		}
	}
}

// TestHealthAndUsesMeet lets somebody else write the status first.
func TestHealthAndUsesMeet(t *testing.T) {
	l := newLagging(t, newConfig(newSpec("")), newCredentials("team-a"))
	l.writeErr = kerrors.NewConflict(schema.GroupResource{Resource: "providerconfigs"}, "default", errors.New("somebody was first"))
	events := &told{}
	h := &health{
		kube: l, servers: NewServers(l), record: events, kind: v1alpha1.ProviderConfigKind.Kind,
		newConfig: func() resource.ProviderConfig { return &v1alpha1.ProviderConfig{} },
	}

	r, err := h.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(newConfig(newSpec("")))})
	if err != nil || r.IsZero() || len(events.messages) != 0 {
		t.Errorf("Reconcile(...): want to look again without an error or an event, got %v, %v, %q", r, err, events.messages)
	}
}

// TestHealthOfWhatIsGone wants a server to be kept as long as somebody may need
// it to be deleted, and no longer.
func TestHealthOfWhatIsGone(t *testing.T) {
	ctx := context.Background()
	req := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(newConfig(newSpec("")))}

	l := newLagging(t, newConfig(newSpec("")), newCredentials("team-a"))
	servers := NewServers(l)
	now := time.Unix(0, 0)
	servers.now = func() time.Time { return now }

	h := &health{
		kube: l, servers: servers, record: &told{}, kind: v1alpha1.ProviderConfigKind.Kind,
		newConfig: func() resource.ProviderConfig { return &v1alpha1.ProviderConfig{} },
	}

	b := newBucket(h.kind)
	if _, err := servers.For(ctx, b); err != nil {
		t.Fatal(err)
	}

	if err := l.Delete(ctx, newConfig(newSpec(""))); err != nil {
		t.Fatal(err)
	}

	if r, err := h.Reconcile(ctx, req); err != nil || r.RequeueAfter == 0 {
		t.Errorf("Reconcile(...): want to look again later, got %v, %v", r, err)
	}

	now = now.Add(keepUnused - time.Minute)
	b.DeletionTimestamp = new(metav1.Now())

	if _, err := servers.For(ctx, b); err != nil {
		t.Errorf("For(...): want the server of before, got %v", err)
	}

	now = now.Add(keepUnused - time.Minute)

	if r, err := h.Reconcile(ctx, req); err != nil || r.RequeueAfter == 0 {
		t.Errorf("Reconcile(...): want the server to be kept after its last use, got %v, %v", r, err)
	}

	now = now.Add(time.Minute)

	if r, err := h.Reconcile(ctx, req); err != nil || r != (reconcile.Result{}) || len(servers.cache) != 0 {
		t.Errorf("Reconcile(...): want nothing to be left, got %v, %v, %v", r, err, servers.cache)
	}
}

// TestReasonsOfVerdicts wants a reason for each verdict that something is wrong.
func TestReasonsOfVerdicts(t *testing.T) {
	for _, v := range []minio.Verdict{minio.Unreachable, minio.CertificateUntrusted, minio.CredentialsRejected, minio.NoAdminAPI, minio.TooOld} {
		if c := notReady(reasons[v], &minio.Error{Verdict: v}); c.Reason == "" || c.Message == "" || c.Status != corev1.ConditionFalse {
			t.Errorf("verdict %q: want a condition that says what is wrong, got %v", v, c)
		}
	}
}
