package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/feature"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource/fake"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/providertest"
	"github.com/cistern-dev/cistern/provider/reconciler"
	"github.com/cistern-dev/cistern/provider/server"
)

// TestForget deletes a Bucket whose management policies do not allow a deletion: the
// runtime calls neither Observe nor Delete. It expects the kind to forget the Bucket all
// the same.
func TestForget(t *testing.T) {
	b := providertest.NewBucket(miniov1alpha1.ProviderConfigKind.Kind)
	b.Finalizers = []string{"finalizer.managedresource.crossplane.io"}
	b.DeletionTimestamp = new(metav1.Now())
	b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve, xpv1.ManagementActionCreate}

	l := providertest.NewLagging(t, b)
	key := client.ObjectKeyFromObject(b)

	var forgotten []client.ObjectKey

	k := Kind[*miniov1alpha1.Bucket]{
		GVK:    miniov1alpha1.BucketKind,
		Object: &miniov1alpha1.Bucket{},
		List:   &miniov1alpha1.BucketList{},
		Client: func(Kube, *minio.Server) managed.TypedExternalClient[*miniov1alpha1.Bucket] {
			t.Error("want no call to the server")

			return failing{}
		},
		Forget: func(key client.ObjectKey) { forgotten = append(forgotten, key) },
	}
	o := xpcontroller.Options{
		Logger:        logging.NewNopLogger(),
		PollInterval:  time.Hour,
		Features:      &feature.Flags{},
		MetricOptions: &xpcontroller.MetricOptions{MRMetrics: managed.NewNopMetricRecorder()},
	}
	o.Features.Enable(feature.EnableBetaManagementPolicies)

	mgr := manager{Manager: &fake.Manager{Client: l, Scheme: providertest.NewScheme(t)}}
	r := newReconciler(mgr, l, o, server.NewServers(l), k, reconciler.NewChangeRecorder(&providertest.Events{}))

	// The first reconcile removes the finalizer. The Bucket's disappearance causes the
	// second.
	for _, want := range [][]client.ObjectKey{nil, {key}} {
		if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
			t.Fatalf("Reconcile(...): %v", err)
		}

		if diff := cmp.Diff(want, forgotten); diff != "" {
			t.Errorf("forgotten: -want, +got:\n%s", diff)
		}
	}
}
