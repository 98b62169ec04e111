// Package controller sets up the controllers of managed resources.
//
// A kind is wired as follows. Its package returns a Kind: the type of its resources, and
// a function that returns a managed.TypedExternalClient for a resource on a server. Setup
// waits until the kind's CRD is established. It then builds the reconciler of
// crossplane-runtime with the corrections of package reconciler: a client that omits
// writes without a change and never writes a spec, references that are resolved in
// memory, a recorder that drops repeated events, and retries within seconds. For each reconcile the connector
// records that the resource uses its provider configuration, gets the server from package
// server, and returns the kind's client, wrapped so that errors caused by the server's
// health name the configuration and the remedy. The resources of one configuration keep at
// most a third of a kind's workers busy, so a server that hangs delays its own only.
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
	// timeout is the longest time that one reconcile may take. All its calls together
	// take milliseconds; what takes longer is better retried.
	timeout = time.Minute

	// spreadShare is the part of the poll interval, a tenth, over which polls are spread.
	// Resources that were created together would otherwise be polled together for ever.
	spreadShare = 10
)

// Kube reads from the cache, which may lag behind the API server by moments. It writes
// what the runtime does not.
type Kube struct {
	client.Reader
	client.Writer

	// Live reads from the API server itself.
	Live client.Reader
}

// Kind describes one kind of managed resource.
type Kind[T resource.ModernManaged] struct {
	// GVK of the kind.
	GVK schema.GroupVersionKind
	// Object is an empty resource of the kind.
	Object T
	// List is an empty list of the kind.
	List resource.ManagedList
	// Client returns the client that manages resources of the kind on a server.
	Client func(kube Kube, srv *minio.Server) managed.TypedExternalClient[T]
	// Next returns when a resource that is up to date must be reconciled even if its next
	// poll is later, or the zero time. It may be nil.
	Next func(T) time.Time
	// PublishesSecret reports whether resources of the kind publish connection Secrets.
	// Such a resource is reconciled when its Secret is edited or deleted.
	PublishesSecret bool
	// PollInterval returns the time between two polls, given the interval within which
	// drift must be found. It is nil for kinds whose polls observe everything as it is at
	// that moment: they are polled once per interval.
	PollInterval func(drift time.Duration) time.Duration
	// Intent is set for kinds whose external objects have names that follow from the UIDs of the
	// resources. It may be nil.
	Intent *Intent[T]
	// Forget is called with the key of a resource that no longer exists. It may be nil.
	Forget func(client.ObjectKey)
	// Leave is called before a resource is deleted whose external object stays on the server,
	// because its management policies include Update and not Delete. Its last changes may not
	// have been applied. It may be nil.
	Leave func(ctx context.Context, srv *minio.Server, mg T) error
	// Wake yields resources that must be reconciled now. It may be nil.
	Wake <-chan cevent.GenericEvent
}

// annotationPollInterval sets the poll interval of one resource, as later versions of
// crossplane-runtime do.
const annotationPollInterval = "crossplane.io/poll-interval"

// minPollInterval is the shortest interval that annotationPollInterval may set.
const minPollInterval = 10 * time.Second

// pollInterval returns the time until the next poll of a resource that is up to date: the
// kind's interval, or the resource's own, shortened at random by up to a tenth, or the time
// until Next. An annotation that is no duration sets nothing.
func (k Kind[T]) pollInterval(mg resource.Managed, interval time.Duration) time.Duration {
	if own, err := time.ParseDuration(mg.GetAnnotations()[annotationPollInterval]); err == nil && own > 0 {
		interval = max(own, minPollInterval)
	}

	if k.PollInterval != nil {
		interval = k.PollInterval(interval)
	}

	after := interval - rand.N(interval/spreadShare+1) //nolint:gosec // It is no secret.

	obj, ok := mg.(T)
	if k.Next == nil || !ok {
		return after
	}

	if next := k.Next(obj); !next.IsZero() {
		// A requeue after zero would be none.
		after = min(after, max(time.Until(next), reconciler.FirstRetry))
	}

	return after
}

// Setup adds the controller of a kind to a manager once the kind's CRD is established.
func Setup[T resource.ModernManaged](mgr ctrl.Manager, o xpcontroller.Options, servers *server.Servers, k Kind[T]) {
	o.Gate.Register(func() {
		if err := setup(mgr, o, servers, k); err != nil {
			// The gate calls back while the manager runs, so no caller is left to
			// return the error to, and a provider without one of its controllers is of
			// no use.
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
	co.MaxConcurrentReconciles = workersPerShare * o.MaxConcurrentReconciles

	record := reconciler.NewChangeRecorder(maskingRecorder{event.NewAPIRecorder(mgr.GetEventRecorderFor(name))}) //nolint:staticcheck // The runtime knows the older recorder only.
	kube := mgr.GetClient()

	b := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(co).
		For(k.Object, builder.WithPredicates(reconciler.DesiredStateChanged()))

	if k.PublishesSecret {
		kube = reconciler.WatchSecrets(b, mgr, k.Object, k.GVK)
	}

	if k.Wake != nil {
		b.WatchesRawSource(source.Channel(k.Wake, &handler.EnqueueRequestForObject{}))
	}

	r := newReconciler(mgr, kube, o, servers, k, record)

	// What waits for its share of the workers does not count against the rate limit.
	return b.Complete(share(ratelimiter.NewReconciler(name, r, o.GlobalRateLimiter), mgr.GetClient(), k.Object, o.MaxConcurrentReconciles))
}

// newReconciler returns the reconciler of a kind, which reads and writes through kube.
func newReconciler[T resource.ModernManaged](
	mgr ctrl.Manager, kube client.Client, o xpcontroller.Options, servers *server.Servers, k Kind[T], record reconciler.ChangeRecorder,
) reconcile.Reconciler {
	gone := func(key client.ObjectKey) {
		record.Forget(key)

		if k.Forget != nil {
			k.Forget(key)
		}
	}

	runtime := kube
	if k.PublishesSecret {
		runtime = reconciler.WithoutSecrets(kube)
	}

	mgr = reconciler.WithClient(mgr, reconciler.NewStatusChangeOnlyClient(runtime, mgr.GetAPIReader(), k.Object, gone))
	references := reconciler.NewReferences(mgr.GetClient())

	finalizer := reconciler.NewFinalizer(mgr.GetClient())
	if k.Leave != nil {
		finalizer = leavingFinalizer[T]{Finalizer: finalizer, servers: servers, leave: k.Leave}
	}

	if k.Intent != nil {
		finalizer = namingFinalizer[T]{Finalizer: finalizer, name: k.Intent.Name}
	}

	opts := []managed.ReconcilerOption{
		managed.WithTypedExternalConnector(newConnector(kube, mgr.GetAPIReader(), servers, k, record)),
		managed.WithDeterministicExternalName(true),
		// External names follow from the resource, and Create records them; see
		// reconciler.Owns. So no initializer sets one beforehand.
		managed.WithInitializers(references),
		managed.WithReferenceResolver(references),
		managed.WithFinalizer(finalizer),
		// MinIO is consistent: a resource that was created is observed at once.
		managed.WithCreationGracePeriod(0),
		managed.WithTimeout(timeout),
		managed.WithPollInterval(o.PollInterval),
		managed.WithPollIntervalHook(k.pollInterval),
		managed.WithLogger(o.Logger.WithValues("controller", managed.ControllerName(k.GVK.GroupKind().String()))),
		managed.WithRecorder(record),
		managed.WithMetricRecorder(o.MetricOptions.MRMetrics),
	}
	if k.Intent != nil {
		opts = append(opts, managed.WithCriticalAnnotationUpdater(newIntentUpdater(mgr.GetClient())))
	}

	if o.Features.Enabled(feature.EnableBetaManagementPolicies) {
		opts = append(opts, managed.WithManagementPolicies())
	}

	if o.ChangeLogOptions != nil {
		opts = append(opts, managed.WithChangeLogger(o.ChangeLogOptions.ChangeLogger))
	}

	return reconciler.Drain(managed.NewReconciler(mgr, resource.ManagedKind(k.GVK), opts...))
}

// newConnector returns a connector that finds the server of a resource and returns the
// kind's client for it. Copies get a client that changes nothing.
func newConnector[T resource.ModernManaged](kube client.Client, live client.Reader, servers *server.Servers, k Kind[T], record event.Recorder) managed.TypedExternalConnector[T] {
	tracker := resource.NewProviderConfigUsageTracker(kube, &miniov1alpha1.ProviderConfigUsage{})

	return managed.TypedExternalConnectorFn[T](func(ctx context.Context, mg T) (managed.TypedExternalClient[T], error) {
		if reconciler.IsCopy(mg) {
			return newCopyClient[T](k.GVK.Kind), nil
		}

		// In a namespace that is being deleted the usage may be gone, and cannot be
		// created again. The resource must be deleted all the same.
		if !meta.WasDeleted(mg) {
			if err := tracker.Track(ctx, mg); err != nil {
				return nil, errors.Wrap(err, "cannot record the use of the provider configuration")
			}
		}

		srv, err := servers.For(ctx, mg)
		if err != nil {
			return nil, err
		}

		w := newWithServerHealth(k.Client(Kube{Reader: kube, Writer: kube, Live: live}, srv), mg, srv)
		w.kind, w.record = k.GVK.Kind, record

		if k.Intent != nil {
			w.made = k.Intent.Made
		}

		return w, nil
	})
}
