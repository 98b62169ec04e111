package controller

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

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/providertest"
	"github.com/cistern-dev/cistern/provider/reconciler"
	"github.com/cistern-dev/cistern/provider/server"
)

// buckets is a client that makes a bucket and finds it in order.
type buckets struct {
	failing

	made bool
}

func (b *buckets) Observe(_ context.Context, mg *miniov1alpha1.Bucket) (managed.ExternalObservation, error) {
	if b.made {
		mg.SetConditions(xpv1.Available())
	}

	return managed.ExternalObservation{ResourceExists: b.made, ResourceUpToDate: b.made}, nil
}

func (b *buckets) Create(_ context.Context, mg *miniov1alpha1.Bucket) (managed.ExternalCreation, error) {
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

	spec := providertest.NewSpec("")
	spec.Endpoint = providertest.NewMinIO(t, providertest.Version)

	b := providertest.NewBucket(miniov1alpha1.ProviderConfigKind.Kind)
	b.UID = "3"
	l := providertest.NewLagging(t, providertest.NewConfig(spec), providertest.NewCredentials("team-a"), b)
	logged, events, external := &changes{}, &providertest.Events{}, &buckets{}

	k := Kind[*miniov1alpha1.Bucket]{
		GVK:    miniov1alpha1.BucketKind,
		Object: &miniov1alpha1.Bucket{},
		List:   &miniov1alpha1.BucketList{},
		Client: func(Kube, *minio.Server) managed.TypedExternalClient[*miniov1alpha1.Bucket] { return external },
	}
	o := xpcontroller.Options{
		Logger:           logging.NewNopLogger(),
		PollInterval:     time.Hour,
		Features:         &feature.Flags{},
		MetricOptions:    &xpcontroller.MetricOptions{MRMetrics: managed.NewNopMetricRecorder()},
		ChangeLogOptions: &xpcontroller.ChangeLogOptions{ChangeLogger: logged},
	}
	mgr := manager{Manager: &fake.Manager{Client: l, Scheme: providertest.NewScheme(t)}}
	r := newReconciler(mgr, l, o, server.NewServers(l), k, reconciler.NewChangeRecorder(events))

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

	writes, statusWrites := l.Writes, l.StatusWrites

	for range 3 {
		if result := look(); result.RequeueAfter < time.Hour*9/10 || result.RequeueAfter > time.Hour {
			t.Errorf("Reconcile(...): want the next look in time to find within an hour what changed, got %v", result)
		}
	}

	if l.Writes != writes || l.StatusWrites != statusWrites {
		t.Errorf("want no writes once the Bucket is in order, got %d and %d of its status", l.Writes-writes, l.StatusWrites-statusWrites)
	}

	if diff := cmp.Diff(&changes{"OPERATION_TYPE_CREATE photos"}, logged); diff != "" {
		t.Errorf("logged: -want, +got:\n%s", diff)
	}

	if len(events.Messages) != 1 {
		t.Errorf("want the creation to be told and nothing else, got %q", events.Messages)
	}

	stored := &miniov1alpha1.Bucket{}
	if err := l.Get(ctx, client.ObjectKeyFromObject(b), stored); err != nil || stored.GetCondition(xpv1.TypeSynced).Reason != xpv1.ReasonReconcileSuccess {
		t.Errorf("want the Bucket to be in order, got %v, %v", stored.Status.Conditions, err)
	}
}

// TestPollInterval wants polls to be spread, and none to be so late that what
// changed is found after more than the interval.
func TestPollInterval(t *testing.T) {
	const interval = 10 * time.Minute

	cases := map[string]struct {
		reason      string
		kind        Kind[*miniov1alpha1.Bucket]
		least, most time.Duration
	}{
		"Alone": {
			reason: "A poll that looks by itself may take all of the interval.",
			least:  9 * time.Minute, most: interval,
		},
		"Sooner": {
			reason: "A look may be a fifth of the interval old.",
			kind:   Kind[*miniov1alpha1.Bucket]{PollInterval: func(d time.Duration) time.Duration { return d * 4 / 5 }},
			least:  7 * time.Minute, most: 8 * time.Minute,
		},
		"Due": {
			reason: "What is due is not put off.",
			kind:   Kind[*miniov1alpha1.Bucket]{Next: func(*miniov1alpha1.Bucket) time.Time { return time.Now().Add(time.Minute) }},
			least:  59 * time.Second, most: time.Minute,
		},
		"Overdue": {
			reason: "What should have been done is done soon.",
			kind:   Kind[*miniov1alpha1.Bucket]{Next: func(*miniov1alpha1.Bucket) time.Time { return time.Now().Add(-time.Minute) }},
			least:  reconciler.FirstRetry, most: reconciler.FirstRetry,
		},
		"NotDue": {
			reason: "What is due long after the next poll waits for that.",
			kind:   Kind[*miniov1alpha1.Bucket]{Next: func(*miniov1alpha1.Bucket) time.Time { return time.Now().Add(time.Hour) }},
			least:  9 * time.Minute, most: interval,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			seen := map[time.Duration]bool{}

			for range 1000 {
				got := tc.kind.pollInterval(&miniov1alpha1.Bucket{}, interval)
				if got < tc.least || got > tc.most {
					t.Fatalf("%s\nwant from %s to %s, got %s", tc.reason, tc.least, tc.most, got)
				}

				seen[got] = true
			}

			if tc.kind.Next == nil && len(seen) < 100 {
				t.Errorf("%s\nwant it spread, got %d different times", tc.reason, len(seen))
			}
		})
	}
}
