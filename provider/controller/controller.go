// Package kind holds what all kinds of managed resources have in common: their
// controllers are set up here, and here each reconcile learns which server to
// drive.
package kind

import (
	"context"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	cevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/feature"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/ratelimiter"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
	"github.com/crossplane/crossplane-runtime/v2/pkg/statemetrics"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

const (
	// timeout bounds one reconcile. All calls together take milliseconds; what
	// takes longer is better tried again.
	timeout = time.Minute

	// Retries of one resource start soon, because the reconciler asks for one
	// after each creation to see that it worked, and are never far apart, so
	// that a server that comes back is noticed.
	firstRetry = 20 * time.Millisecond
	lastRetry  = 15 * time.Second

	// spreadShare is the part of the time between polls over which they are spread,
	// so that resources that were made together are not polled together for ever.
	spreadShare = 10
)

// Kube reads from Kubernetes: from a cache, which lags behind by moments, or live.
type Kube struct {
	client.Reader

	// Live reads from the API server itself.
	Live client.Reader
}

// Kind is what is particular to one kind of managed resource.
type Kind[T resource.ModernManaged] struct {
	// GVK of the kind.
	GVK schema.GroupVersionKind
	// Object is an empty resource of the kind.
	Object T
	// List is an empty list of the kind.
	List resource.ManagedList
	// Client returns the client that drives resources of the kind on a server.
	Client func(kube Kube, srv *minio.Server) managed.TypedExternalClient[T]
	// Next returns when a resource that is up to date has to be looked at before
	// its next poll; the zero time if it can wait. It may be nil.
	Next func(T) time.Time
	// PublishesSecret says that resources of the kind publish connection Secrets,
	// and are to be looked at when somebody deletes or edits one.
	PublishesSecret bool
	// PollWithin is the part of the poll interval within which a resource that is up
	// to date is looked at again; 0 means all of it. It is less where a look does not
	// tell all that is so at its moment, so that what changed is found within the
	// interval nevertheless.
	PollWithin float64
	// Wake yields resources that are to be looked at now. It may be nil.
	Wake <-chan cevent.GenericEvent
}

// LookShare is the part of the poll interval that a look at all buckets of a server
// may be old to answer polls, see minio.WithLooks.
const LookShare = 5

// pollInterval returns how long a resource that is up to date can wait for the
// next look: somewhat less than it may, or until the kind says that something is
// due.
func (k Kind[T]) pollInterval(mg resource.Managed, interval time.Duration) time.Duration {
	if k.PollWithin > 0 {
		interval = time.Duration(k.PollWithin * float64(interval))
	}

	after := interval - rand.N(interval/spreadShare+1) //nolint:gosec // It is no secret.

	obj, ok := mg.(T)
	if k.Next == nil || !ok {
		return after
	}

	if next := k.Next(obj); !next.IsZero() {
		// The queue takes no time of nothing for "not at all".
		after = min(after, max(time.Until(next), firstRetry))
	}

	return after
}

// Setup adds a controller for the kind to a manager once the kind's CRD is
// established.
func Setup[T resource.ModernManaged](mgr ctrl.Manager, o xpcontroller.Options, servers *Servers, k Kind[T]) {
	o.Gate.Register(func() {
		if err := setup(mgr, o, servers, k); err != nil {
			// The gate calls back while the manager runs; there is nobody left
			// to return the error to, and a provider without one of its
			// controllers is of no use.
			panic(errors.Wrapf(err, "cannot set up the controller of %s", k.GVK.Kind))
		}
	}, k.GVK)
}

func setup[T resource.ModernManaged](mgr ctrl.Manager, o xpcontroller.Options, servers *Servers, k Kind[T]) error {
	name := managed.ControllerName(k.GVK.GroupKind().String())

	state := statemetrics.NewMRStateRecorder(mgr.GetClient(), o.Logger, o.MetricOptions.MRStateMetrics, k.List, o.MetricOptions.PollStateMetricInterval)
	if err := mgr.Add(state); err != nil {
		return errors.Wrap(err, "cannot add the recorder of state metrics")
	}

	co := o.ForControllerRuntime()
	co.RateLimiter = workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry)

	record := newChangeRecorder(event.NewAPIRecorder(mgr.GetEventRecorderFor(name))) //nolint:staticcheck // The runtime knows the older recorder only.
	kube := mgr.GetClient()

	b := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(co).
		For(k.Object, builder.WithPredicates(desiredStateChanged()))

	if k.PublishesSecret {
		secrets := newSecretClient(kube, mgr.GetCache(), k.GVK)
		b, kube = watchSecrets(b, mgr, k.Object, secrets), secrets
	}

	if k.Wake != nil {
		b = b.WatchesRawSource(source.Channel(k.Wake, &handler.EnqueueRequestForObject{}))
	}

	r := newReconciler(mgr, kube, o, servers, k, record)

	return b.Complete(ratelimiter.NewReconciler(name, r, o.GlobalRateLimiter))
}

// newReconciler returns the reconciler of the kind, which reads and writes through
// kube.
func newReconciler[T resource.ModernManaged](mgr ctrl.Manager, kube client.Client, o xpcontroller.Options, servers *Servers, k Kind[T], record changeRecorder) reconcile.Reconciler {
	quiet := quietManager{Manager: mgr, client: newQuietClient[T](kube, mgr.GetAPIReader(), record.forget)}

	opts := []managed.ReconcilerOption{
		managed.WithTypedExternalConnector(newConnector(kube, mgr.GetAPIReader(), servers, k)),
		managed.WithDeterministicExternalName(true),
		// External names follow from the resource and are recorded by Create,
		// see Owns; so none is set beforehand.
		managed.WithInitializers(),
		managed.WithFinalizer(newFinalizer(quiet.GetClient())),
		// MinIO is consistent: what was created is there.
		managed.WithCreationGracePeriod(0),
		managed.WithTimeout(timeout),
		managed.WithPollInterval(o.PollInterval),
		managed.WithPollIntervalHook(k.pollInterval),
		managed.WithLogger(o.Logger.WithValues("controller", managed.ControllerName(k.GVK.GroupKind().String()))),
		managed.WithRecorder(record),
		managed.WithMetricRecorder(o.MetricOptions.MRMetrics),
	}
	if o.Features.Enabled(feature.EnableBetaManagementPolicies) {
		opts = append(opts, managed.WithManagementPolicies())
	}

	if o.ChangeLogOptions != nil {
		opts = append(opts, managed.WithChangeLogger(o.ChangeLogOptions.ChangeLogger))
	}

	return finishing{Reconciler: managed.NewReconciler(quiet, resource.ManagedKind(k.GVK), opts...), grace: shutdownGrace}
}

// newConnector returns what finds the server of a resource.
func newConnector[T resource.ModernManaged](kube client.Client, live client.Reader, servers *Servers, k Kind[T]) managed.TypedExternalConnector[T] {
	tracker := resource.NewProviderConfigUsageTracker(kube, &v1alpha1.ProviderConfigUsage{})

	return managed.TypedExternalConnectorFn[T](func(ctx context.Context, mg T) (managed.TypedExternalClient[T], error) {
		// In a namespace that is being deleted the record may be gone already
		// and cannot be made again; the resource must go all the same.
		if !meta.WasDeleted(mg) {
			if err := tracker.Track(ctx, mg); err != nil {
				return nil, errors.Wrap(err, "cannot record the use of the provider configuration")
			}
		}

		srv, err := servers.For(ctx, mg)
		if err != nil {
			return nil, err
		}

		return newExplained(k.Client(Kube{Reader: kube, Live: live}, srv), mg), nil
	})
}

// Settled says that all was well with a resource as it is, when it was last looked
// at.
func Settled(mg resource.Managed) bool {
	ready, synced := mg.GetCondition(xpv1.TypeReady), mg.GetCondition(xpv1.TypeSynced)

	return !meta.WasDeleted(mg) && meta.GetExternalName(mg) != "" && ready.Status == corev1.ConditionTrue &&
		synced.Status == corev1.ConditionTrue && synced.ObservedGeneration == mg.GetGeneration()
}
