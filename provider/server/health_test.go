package server

import (
	"context"
	"errors"
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

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/providertest"
)

func TestHealth(t *testing.T) {
	ctx := context.Background()
	nn := client.ObjectKeyFromObject(providertest.NewConfig(providertest.NewSpec("")))

	spec := providertest.NewSpec("")
	spec.Endpoint = providertest.NewMinIO(t, providertest.Version)

	l := providertest.NewLagging(t, providertest.NewConfig(spec), providertest.NewCredentials("team-a"))
	events := &providertest.Events{}
	h := &health{
		kube: l, servers: NewServers(l), record: events, kind: miniov1alpha1.ProviderConfigKind.Kind,
		newConfig: func() resource.ProviderConfig { return &miniov1alpha1.ProviderConfig{} },
	}

	// Each step changes something, and is reconciled twice.
	steps := []struct {
		reason string
		change func() error
		want   xpv1.ConditionReason
		text   string
		after  time.Duration
	}{
		{
			reason: "The server can be used.",
			change: func() error { return nil },
			want:   miniov1alpha1.ReasonServerUsable,
			after:  checkUsable,
		},
		{
			reason: "The server does not know the credentials.",
			change: func() error {
				s := providertest.NewCredentials("team-a")
				s.Data["accessKey"] = []byte("unknown")

				return l.Update(ctx, s)
			},
			want:  miniov1alpha1.ReasonCredentialsRejected,
			text:  "no such key",
			after: checkUnusable,
		},
		{
			reason: "The credentials are missing.",
			change: func() error { return l.Delete(ctx, providertest.NewCredentials("team-a")) },
			want:   miniov1alpha1.ReasonConfigurationInvalid,
			text:   `cannot read "admin" in namespace "team-a"`,
			after:  checkUnusable,
		},
		{
			reason: "The credentials are valid again.",
			change: func() error { return l.Create(ctx, providertest.NewCredentials("team-a")) },
			want:   miniov1alpha1.ReasonServerUsable,
			after:  checkUsable,
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

			if r.RequeueAfter < s.after || r.RequeueAfter > s.after*3/2 {
				t.Errorf("%s\nReconcile(...): want the next check after %s, got %s", s.reason, s.after, r.RequeueAfter)
			}
		}

		pc := &miniov1alpha1.ProviderConfig{}
		if err := l.Get(ctx, nn, pc); err != nil {
			t.Fatal(err)
		}

		c := pc.GetCondition(xpv1.TypeReady)
		if c.Reason != s.want || !strings.Contains(c.Message, s.text) {
			t.Errorf("%s\nwant %s: …%s…, got %s: %s", s.reason, s.want, s.text, c.Reason, c.Message)
		}

		if c := pc.GetCondition(miniov1alpha1.ConditionSecure); c.Status != corev1.ConditionFalse || !strings.Contains(c.Message, "CVE-2026-40344") {
			t.Errorf("%s\nwant the condition Secure to name the vulnerabilities, got %s: %s", s.reason, c.Status, c.Message)
		}

		if strings.Contains(c.Message, "do-not-show-me") {
			t.Errorf("%s\nthe message shows a credential: %s", s.reason, c.Message)
		}

		if l.StatusWrites != i+1 || len(events.Messages) != i+1 {
			t.Errorf("%s\nwant one write and one event for each change, %d in all, got %d and %d", s.reason, i+1, l.StatusWrites, len(events.Messages))
		}
	}
}

// TestHealthConflict expects a conflict with the controller that counts usages to be retried.
func TestHealthConflict(t *testing.T) {
	l := providertest.NewLagging(t, providertest.NewConfig(providertest.NewSpec("")), providertest.NewCredentials("team-a"))
	l.WriteErr = kerrors.NewConflict(schema.GroupResource{Resource: "providerconfigs"}, "default", errors.New("the object has been modified"))
	events := &providertest.Events{}
	h := &health{
		kube: l, servers: NewServers(l), record: events, kind: miniov1alpha1.ProviderConfigKind.Kind,
		newConfig: func() resource.ProviderConfig { return &miniov1alpha1.ProviderConfig{} },
	}

	key := client.ObjectKeyFromObject(providertest.NewConfig(providertest.NewSpec("")))

	r, err := h.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
	if err != nil || r.IsZero() || len(events.Messages) != 0 {
		t.Errorf("Reconcile(...): want a retry without an error or an event, got %v, %v, %q", r, err, events.Messages)
	}
}

// TestHealthOfDeletedConfiguration expects a server to be kept as long as resources that are
// being deleted use it, and no longer.
func TestHealthOfDeletedConfiguration(t *testing.T) {
	ctx := context.Background()
	req := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(providertest.NewConfig(providertest.NewSpec("")))}

	l := providertest.NewLagging(t, providertest.NewConfig(usableSpec(t, "")), providertest.NewCredentials("team-a"))
	servers := NewServers(l)
	now := time.Unix(0, 0)
	servers.now = func() time.Time { return now }

	h := &health{
		kube: l, servers: servers, record: &providertest.Events{}, kind: miniov1alpha1.ProviderConfigKind.Kind,
		newConfig: func() resource.ProviderConfig { return &miniov1alpha1.ProviderConfig{} },
	}

	b := providertest.NewBucket(h.kind)
	if _, err := servers.For(ctx, b); err != nil {
		t.Fatal(err)
	}

	if err := l.Delete(ctx, providertest.NewConfig(providertest.NewSpec(""))); err != nil {
		t.Fatal(err)
	}

	if r, err := h.Reconcile(ctx, req); err != nil || r.RequeueAfter == 0 {
		t.Errorf("Reconcile(...): want another reconcile later, got %v, %v", r, err)
	}

	now = now.Add(unusedTTL - time.Minute)
	b.DeletionTimestamp = new(metav1.Now())

	if _, err := servers.For(ctx, b); err != nil {
		t.Errorf("For(...): want the previous server, got %v", err)
	}

	now = now.Add(unusedTTL - time.Minute)

	if r, err := h.Reconcile(ctx, req); err != nil || r.RequeueAfter == 0 {
		t.Errorf("Reconcile(...): want the server to be kept after its last use, got %v, %v", r, err)
	}

	now = now.Add(time.Minute)

	if r, err := h.Reconcile(ctx, req); err != nil || r != (reconcile.Result{}) || len(servers.cache) != 0 {
		t.Errorf("Reconcile(...): want nothing to be kept, got %v, %v, %v", r, err, servers.cache)
	}
}

// TestReasons expects a condition with a reason for each health of a server that cannot be used.
func TestReasons(t *testing.T) {
	for _, h := range []minio.Health{
		minio.Unreachable, minio.CertificateUntrusted, minio.CredentialsRejected, minio.ClockSkew,
		minio.NoAdminAPI, minio.UnsupportedAdminAPI, minio.WrongRegion, minio.Changed, minio.TooOld,
	} {
		if c := notReady(reasons[h], &minio.Error{Health: h}); c.Reason == "" || c.Message == "" || c.Status != corev1.ConditionFalse {
			t.Errorf("health %q: want a condition with a reason and a message, got %v", h, c)
		}
	}
}
