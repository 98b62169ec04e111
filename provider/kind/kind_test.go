package kind

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	changelogs "github.com/crossplane/crossplane-runtime/v2/apis/changelogs/proto/v1alpha1"
	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/feature"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource/fake"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// buckets is a client that makes a bucket and finds it in order.
type buckets struct {
	failing

	made bool
}

func (b *buckets) Observe(_ context.Context, mg *v1alpha1.Bucket) (managed.ExternalObservation, error) {
	if b.made {
		mg.SetConditions(xpv1.Available())
	}

	return managed.ExternalObservation{ResourceExists: b.made, ResourceUpToDate: b.made}, nil
}

func (b *buckets) Create(_ context.Context, mg *v1alpha1.Bucket) (managed.ExternalCreation, error) {
	meta.SetExternalName(mg, mg.Name)

	b.made = true

	return managed.ExternalCreation{}, nil
}

// changes are changes that were logged.
type changes []string

func (c *changes) Log(_ context.Context, mg resource.Managed, op changelogs.OperationType, _ error, _ managed.AdditionalDetails) error {
	*c = append(*c, op.String()+" "+mg.GetName())

	return nil
}

// manager is a manager that reads live what it reads from its cache.
type manager struct{ *fake.Manager }

func (m manager) GetAPIReader() client.Reader { return m.Client }

// TestReconciler makes a Bucket and looks at it again and again: its creation is
// logged and told, and once it is in order nothing is written any more.
func TestReconciler(t *testing.T) {
	ctx := context.Background()

	spec := newSpec("")
	spec.Endpoint = newMinIO(t, versionOfNow)

	b := newBucket(v1alpha1.ProviderConfigKind.Kind)
	b.UID = "3"
	l := newLagging(t, newConfig(spec), newCredentials("team-a"), b)
	logged, events, external := &changes{}, &told{}, &buckets{}

	k := Kind[*v1alpha1.Bucket]{
		GVK:    v1alpha1.BucketKind,
		Object: &v1alpha1.Bucket{},
		List:   &v1alpha1.BucketList{},
		Client: func(Kube, *minio.Server) managed.TypedExternalClient[*v1alpha1.Bucket] { return external },
	}
	o := xpcontroller.Options{
		Logger:           logging.NewNopLogger(),
		PollInterval:     time.Hour,
		Features:         &feature.Flags{},
		MetricOptions:    &xpcontroller.MetricOptions{MRMetrics: managed.NewNopMetricRecorder()},
		ChangeLogOptions: &xpcontroller.ChangeLogOptions{ChangeLogger: logged},
	}
	mgr := manager{Manager: &fake.Manager{Client: l, Scheme: newScheme(t)}}
	r := newReconciler(mgr, o, NewServers(l), k, newChangeRecorder(events))

	look := func() reconcile.Result {
		t.Helper()

		result, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(b)})
		if err != nil {
			t.Fatalf("Reconcile(...): %v", err)
		}

		return result
	}

	look()
	look()

	writes, statusWrites := l.writes, l.statusWrites

	for range 3 {
		if result := look(); result.RequeueAfter < time.Hour*7/10 || result.RequeueAfter > time.Hour*8/10 {
			t.Errorf("Reconcile(...): want the next look in time to find within an hour what changed, got %v", result)
		}
	}

	if l.writes != writes || l.statusWrites != statusWrites {
		t.Errorf("want no writes once the Bucket is in order, got %d and %d of its status", l.writes-writes, l.statusWrites-statusWrites)
	}

	if diff := cmp.Diff(&changes{"OPERATION_TYPE_CREATE photos"}, logged); diff != "" {
		t.Errorf("logged: -want, +got:\n%s", diff)
	}

	if len(events.messages) != 1 {
		t.Errorf("want the creation to be told and nothing else, got %q", events.messages)
	}

	stored := &v1alpha1.Bucket{}
	if err := l.Get(ctx, client.ObjectKeyFromObject(b), stored); err != nil || stored.GetCondition(xpv1.TypeSynced).Reason != xpv1.ReasonReconcileSuccess {
		t.Errorf("want the Bucket to be in order, got %v, %v", stored.Status.Conditions, err)
	}
}
