package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

// TestServerChanged lets another server answer at the same endpoint. It must not be used, not
// even for deletions and not after a restart, until an annotation confirms it.
func TestServerChanged(t *testing.T) {
	id := "first"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "1")
		_, _ = fmt.Fprintf(w, `{"mode":"online","deploymentID":%q,"servers":[{"version":%q}]}`, id, providertest.Version)
	}))
	t.Cleanup(srv.Close)

	spec := providertest.NewSpec("")
	spec.Endpoint = srv.URL

	l := providertest.NewLagging(t, providertest.NewConfig(spec), providertest.NewCredentials("team-a"))
	servers := NewServers(l)
	pc := providertest.NewConfig(spec)

	check := func(reason string, want xpv1.ConditionReason, recorded string) {
		t.Helper()

		h := &health{
			kube: l, servers: servers, record: &providertest.Events{}, kind: miniov1alpha1.ProviderConfigKind.Kind,
			newConfig: func() resource.ProviderConfig { return &miniov1alpha1.ProviderConfig{} },
		}
		if _, err := h.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(pc)}); err != nil {
			t.Fatalf("%s\nReconcile(...): %v", reason, err)
		}

		if err := l.Get(t.Context(), client.ObjectKeyFromObject(pc), pc); err != nil {
			t.Fatal(err)
		}

		if c := pc.GetCondition(xpv1.TypeReady); c.Reason != want || pc.Status.DeploymentID != recorded {
			t.Errorf("%s\nwant %s and the ID %s, got %s: %s, and %s", reason, want, recorded, c.Reason, c.Message, pc.Status.DeploymentID)
		}

		deleted := providertest.NewBucket("ProviderConfig")
		deleted.DeletionTimestamp = new(metav1.Now())

		for _, b := range []*miniov1alpha1.Bucket{providertest.NewBucket("ProviderConfig"), deleted} {
			if _, err := servers.For(t.Context(), b); (err == nil) != (want == miniov1alpha1.ReasonServerUsable) {
				t.Errorf("%s\nFor(...): got %v", reason, err)
			}
		}
	}

	check("The ID is recorded at the first use.", miniov1alpha1.ReasonServerUsable, "first")

	id = "second"

	check("Another server answers.", miniov1alpha1.ReasonServerChanged, "first")

	if c := pc.GetCondition(xpv1.TypeReady); !strings.Contains(c.Message, "second") || !strings.Contains(c.Message, miniov1alpha1.AnnotationDeploymentID) {
		t.Errorf("want the message to say how to confirm, got %s", c.Message)
	}

	servers = NewServers(l)

	check("The provider was restarted.", miniov1alpha1.ReasonServerChanged, "first")

	pc.Annotations = map[string]string{miniov1alpha1.AnnotationDeploymentID: "second"}
	if err := l.Update(t.Context(), pc); err != nil {
		t.Fatal(err)
	}

	check("The change is confirmed.", miniov1alpha1.ReasonServerUsable, "second")

	id = "first"

	check("The first server is another one now.", miniov1alpha1.ReasonServerChanged, "second")
}
