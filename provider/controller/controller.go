// Package controller sets up the controller of a kind of managed resource.
package controller

import (
	"context"
	"math/rand/v2"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	cevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/feature"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/ratelimiter"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
	"github.com/crossplane/crossplane-runtime/v2/pkg/statemetrics"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
	"github.com/cistern-dev/cistern/provider/server"
)

const (
	// timeout bounds one reconcile. All calls together take milliseconds; what
	// takes longer is better tried again.
	timeout = time.Minute

	// spreadShare is the part of the time between polls over which they are spread,
	// so that resources that were made together are not polled together for ever.
	spreadShare = 10
)

// Kube reads from Kubernetes: from a cache, which lags behind by moments, or live. It
// writes what the runtime does not.
type Kube struct {
	client.Reader
	client.Writer

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
	// PollInterval returns how long a resource that is up to date may wait for its
	// next poll, given the interval within which drift is to be found. It is nil for
	// kinds whose polls see everything as it is at that moment: these wait for all
	// of the interval.
	PollInterval func(drift time.Duration) time.Duration
	// Forget is called with the key of a resource that no longer exists. It may be
	// nil.
	Forget func(client.ObjectKey)
	// Wake yields resources that are to be looked at now. It may be nil.
	Wake <-chan cevent.GenericEvent
}

// pollInterval returns how long a resource that is up to date can wait for the
// next look: somewhat less than it may, or until the kind says that something is
// due.
func (k Kind[T]) pollInterval(mg resource.Managed, interval time.Duration) time.Duration {
	if k.PollInterval != nil {
		interval = k.PollInterval(interval)
	}

	after := interval - rand.N(interval/spreadShare+1) //nolint:gosec // It is no secret.

	obj, ok := mg.(T)
	if k.Next == nil || !ok {
		return after
	}

	if next := k.Next(obj); !next.IsZero() {
		// The queue takes no time of nothing for "not at all".
		after = min(after, max(time.Until(next), reconciler.FirstRetry))
	}

	return after
}

// Setup adds a controller for the kind to a manager once the kind's CRD is
// established.
func Setup[T resource.ModernManaged](mgr ctrl.Manager, o xpcontroller.Options, servers *server.Servers, k Kind[T]) {
	o.Gate.Register(func() {
		if err := setup(mgr, o, servers, k); err != nil {
			// The gate calls back while the manager runs; there is nobody left
			// to return the error to, and a provider without one of its
			// controllers is of no use.
			panic(errors.Wrapf(err, "cannot set up the controller of %s", k.GVK.Kind))
		}
	}, k.GVK)
}

func setup[T resource.ModernManaged](mgr ctrl.Manager, o xpcontroller.Options, servers *server.Servers, k Kind[T]) error {
	name := managed.ControllerName(k.GVK.GroupKind().String())

	state := statemetrics.NewMRStateRecorder(mgr.GetClient(), o.Logger, o.MetricOptions.MRStateMetrics, k.List, o.MetricOptions.PollStateMetricInterval)
	if err := mgr.Add(state); err != nil {
		return errors.Wrap(err, "cannot add the recorder of state metrics")
	}

	co := o.ForControllerRuntime()
	co.RateLimiter = reconciler.RetryLimiter()

	record := reconciler.NewChangeRecorder(event.NewAPIRecorder(mgr.GetEventRecorderFor(name))) //nolint:staticcheck // The runtime knows the older recorder only.
	kube := mgr.GetClient()

	b := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(co).
		For(k.Object, builder.WithPredicates(reconciler.DesiredStateChanged()))

	if k.PublishesSecret {
		secrets := reconciler.NewSecretClient(kube, mgr.GetCache(), k.GVK)
		b, kube = reconciler.WatchSecrets(b, mgr, k.Object, secrets), secrets
	}

	if k.Wake != nil {
		b = b.WatchesRawSource(source.Channel(k.Wake, &handler.EnqueueRequestForObject{}))
	}

	r := newReconciler(mgr, kube, o, servers, k, record)

	return b.Complete(ratelimiter.NewReconciler(name, r, o.GlobalRateLimiter))
}

// newReconciler returns the reconciler of the kind, which reads and writes through
// kube.
func newReconciler[T resource.ModernManaged](mgr ctrl.Manager, kube client.Client, o xpcontroller.Options, servers *server.Servers, k Kind[T], record reconciler.ChangeRecorder) reconcile.Reconciler {
	gone := func(key client.ObjectKey) {
		record.Forget(key)

		if k.Forget != nil {
			k.Forget(key)
		}
	}
	mgr = reconciler.WithClient(mgr, reconciler.NewChangeOnlyClient[T](kube, mgr.GetAPIReader(), gone))

	opts := []managed.ReconcilerOption{
		managed.WithTypedExternalConnector(newConnector(kube, mgr.GetAPIReader(), servers, k)),
		managed.WithDeterministicExternalName(true),
		// External names follow from the resource and are recorded by Create,
		// see Owns; so none is set beforehand.
		managed.WithInitializers(),
		managed.WithFinalizer(reconciler.NewFinalizer(mgr.GetClient())),
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

	return reconciler.Drain(managed.NewReconciler(mgr, resource.ManagedKind(k.GVK), opts...))
}

// newConnector returns what finds the server of a resource.
func newConnector[T resource.ModernManaged](kube client.Client, live client.Reader, servers *server.Servers, k Kind[T]) managed.TypedExternalConnector[T] {
	tracker := resource.NewProviderConfigUsageTracker(kube, &miniov1alpha1.ProviderConfigUsage{})

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

		return newExplained(k.Client(Kube{Reader: kube, Writer: kube, Live: live}, srv), mg), nil
	})
}
