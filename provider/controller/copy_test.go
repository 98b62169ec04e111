package controller

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/feature"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource/fake"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/providertest"
	"github.com/cistern-dev/cistern/provider/reconciler"
	"github.com/cistern-dev/cistern/provider/server"
)

// TestCopy reconciles copies of each kind, and then deletes them. It expects that no client of a
// server is asked for, so that a copy changes nothing, and that the copy says so.
func TestCopy(t *testing.T) {
	t.Run("Bucket", func(t *testing.T) {
		testCopy(t, &miniov1alpha1.Bucket{}, &miniov1alpha1.BucketList{}, miniov1alpha1.BucketKind)
	})
	t.Run("User", func(t *testing.T) {
		testCopy(t, &miniov1alpha1.User{}, &miniov1alpha1.UserList{}, miniov1alpha1.UserKind)
	})
	t.Run("Policy", func(t *testing.T) {
		testCopy(t, &miniov1alpha1.Policy{}, &miniov1alpha1.PolicyList{}, miniov1alpha1.PolicyKind)
	})
}

func testCopy[T resource.ModernManaged](t *testing.T, mg T, list resource.ManagedList, gvk schema.GroupVersionKind) {
	t.Helper()

	mg.SetName("photos")
	mg.SetNamespace("team-a")
	mg.SetUID("2")
	mg.SetFinalizers([]string{"finalizer.managedresource.crossplane.io"})
	mg.SetAnnotations(map[string]string{reconciler.AnnotationKeyOwnerUID: "1"})
	mg.SetProviderConfigReference(&xpv1.ProviderConfigReference{Kind: miniov1alpha1.ProviderConfigKind.Kind, Name: "default"})
	mg.SetManagementPolicies(xpv1.ManagementPolicies{xpv1.ManagementActionAll})
	meta.SetExternalName(mg, "original")
	meta.SetExternalCreateSucceeded(mg, time.Now())

	l := providertest.NewLagging(t, providertest.NewConfig(providertest.NewSpec("")), mg)
	r := newReconciler(manager{Manager: &fake.Manager{Client: l, Scheme: providertest.NewScheme(t)}}, l, xpcontroller.Options{
		Logger:        logging.NewNopLogger(),
		PollInterval:  time.Hour,
		Features:      &feature.Flags{},
		MetricOptions: &xpcontroller.MetricOptions{MRMetrics: managed.NewNopMetricRecorder()},
	}, server.NewServers(l), Kind[T]{
		GVK:    gvk,
		Object: mg,
		List:   list,
		Client: func(Kube, *minio.Server) managed.TypedExternalClient[T] {
			t.Error("a client was asked for")

			return nil
		},
	}, reconciler.NewChangeRecorder(&providertest.Events{}))

	key := client.ObjectKeyFromObject(mg)

	for range 2 {
		if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
			t.Fatal(err)
		}
	}

	if err := l.Get(t.Context(), key, mg); err != nil {
		t.Fatal(err)
	}

	if c := mg.GetCondition(xpv1.TypeSynced); c.Status != corev1.ConditionFalse || !strings.Contains(c.Message, gvk.Kind+` with UID 1 owns "original"`) {
		t.Errorf("want Synced to say that this is a copy, got %+v", c)
	}

	if c := mg.GetCondition(xpv1.TypeReady); c.Status != corev1.ConditionFalse {
		t.Errorf("want Ready to be False, got %+v", c)
	}

	if diff := cmp.Diff("1", string(reconciler.OwnerUID(mg))); diff != "" || l.Writes != 0 {
		t.Errorf("want nothing but the status to be written, got %d writes, owner: -want, +got:\n%s", l.Writes, diff)
	}

	if err := l.Delete(t.Context(), mg); err != nil {
		t.Fatal(err)
	}

	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
		t.Fatal(err)
	}

	if err := l.Get(t.Context(), key, mg); !kerrors.IsNotFound(err) {
		t.Errorf("want the copy to be gone, got %v", err)
	}
}
