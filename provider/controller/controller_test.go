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

// buckets is a client that creates a bucket, and then observes it as up to date.
type buckets struct {
	failing

	created bool
}

func (b *buckets) Observe(_ context.Context, mg *miniov1alpha1.Bucket) (managed.ExternalObservation, error) {
	if b.created {
		mg.SetConditions(xpv1.Available())
	}

	return managed.ExternalObservation{ResourceExists: b.created, ResourceUpToDate: b.created}, nil
}

func (b *buckets) Create(_ context.Context, mg *miniov1alpha1.Bucket) (managed.ExternalCreation, error) {
	meta.SetExternalName(mg, mg.Name)

	b.created = true

	return managed.ExternalCreation{}, nil
}

// changes is a change logger that keeps what it is given.
type changes []string

func (c *changes) Log(_ context.Context, mg resource.Managed, op changelogs.OperationType, _ error, _ managed.AdditionalDetails) error {
	*c = append(*c, op.String()+" "+mg.GetName())

	return nil
}

// manager is a manager whose live reader reads from its client.
type manager struct{ *fake.Manager }

func (m manager) GetAPIReader() client.Reader { return m.Client }

// TestReconciler creates a Bucket and reconciles it several times. It expects one event and one
// logged change for the creation, and no writes once the Bucket is up to date.
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

	reconcileOnce := func() reconcile.Result {
		t.Helper()

		result, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(b)})
		if err != nil {
			t.Fatalf("Reconcile(...): %v", err)
		}

		return result
	}

	reconcileOnce()
	reconcileOnce()

	writes, statusWrites := l.Writes, l.StatusWrites

	for range 3 {
		if result := reconcileOnce(); result.RequeueAfter < time.Hour*9/10 || result.RequeueAfter > time.Hour {
			t.Errorf("Reconcile(...): want the next poll within the interval of an hour, got %v", result)
		}
	}

	if l.Writes != writes || l.StatusWrites != statusWrites {
		t.Errorf("want no writes once the Bucket is up to date, got %d and %d of its status", l.Writes-writes, l.StatusWrites-statusWrites)
	}

	if diff := cmp.Diff(&changes{"OPERATION_TYPE_CREATE photos"}, logged); diff != "" {
		t.Errorf("logged: -want, +got:\n%s", diff)
	}

	if len(events.Messages) != 1 {
		t.Errorf("want one event, for the creation, got %q", events.Messages)
	}

	stored := &miniov1alpha1.Bucket{}
	if err := l.Get(ctx, client.ObjectKeyFromObject(b), stored); err != nil ||
		stored.GetCondition(xpv1.TypeSynced).Reason != xpv1.ReasonReconcileSuccess {
		t.Errorf("want the Bucket to be Synced, got %v, %v", stored.Status.Conditions, err)
	}
}

// TestPollInterval expects polls to be spread, and none to be later than the interval.
func TestPollInterval(t *testing.T) {
	const interval = 10 * time.Minute

	cases := map[string]struct {
		reason      string
		kind        Kind[*miniov1alpha1.Bucket]
		annotation  string
		least, most time.Duration
	}{
		"Alone": {
			reason: "A kind is polled once per interval by default.",
			least:  9 * time.Minute, most: interval,
		},
		"Sooner": {
			reason: "A kind may be polled more often.",
			kind:   Kind[*miniov1alpha1.Bucket]{PollInterval: func(d time.Duration) time.Duration { return d * 4 / 5 }},
			least:  7 * time.Minute, most: 8 * time.Minute,
		},
		"Due": {
			reason: "A resource is reconciled when Next says so.",
			kind:   Kind[*miniov1alpha1.Bucket]{Next: func(*miniov1alpha1.Bucket) time.Time { return time.Now().Add(time.Minute) }},
			least:  59 * time.Second, most: time.Minute,
		},
		"Overdue": {
			reason: "A resource whose Next is in the past is reconciled soon.",
			kind:   Kind[*miniov1alpha1.Bucket]{Next: func(*miniov1alpha1.Bucket) time.Time { return time.Now().Add(-time.Minute) }},
			least:  reconciler.FirstRetry, most: reconciler.FirstRetry,
		},
		"Annotated": {
			reason:     "A resource may have an interval of its own.",
			annotation: "1h",
			least:      54 * time.Minute, most: time.Hour,
		},
		"AnnotatedShort": {
			reason:     "An interval of its own is not arbitrarily short.",
			annotation: "1ms",
			least:      9 * time.Second, most: 10 * time.Second,
		},
		"AnnotatedWrongly": {
			reason:     "What is no duration sets nothing.",
			annotation: "soon",
			least:      9 * time.Minute, most: interval,
		},
		"NotDue": {
			reason: "A Next after the next poll changes nothing.",
			kind:   Kind[*miniov1alpha1.Bucket]{Next: func(*miniov1alpha1.Bucket) time.Time { return time.Now().Add(time.Hour) }},
			least:  9 * time.Minute, most: interval,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			seen := map[time.Duration]bool{}

			for range 1000 {
				b := &miniov1alpha1.Bucket{}
				b.SetAnnotations(map[string]string{annotationPollInterval: tc.annotation})

				got := tc.kind.pollInterval(b, interval)
				if got < tc.least || got > tc.most {
					t.Fatalf("%s\nwant from %s to %s, got %s", tc.reason, tc.least, tc.most, got)
				}

				seen[got] = true
			}

			if tc.kind.Next == nil && len(seen) < 100 {
				t.Errorf("%s\nwant polls to be spread, got %d different times", tc.reason, len(seen))
			}
		})
	}
}
