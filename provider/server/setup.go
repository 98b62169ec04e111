package server

import (
	"context"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/ratelimiter"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/providerconfig"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"

	"github.com/cistern-dev/cistern/provider/reconciler"
)

// countEvery is how often the uses of one configuration are counted at most. Each
// time all of them are listed and their number is written, and hundreds may come or
// go in a second.
const countEvery = time.Second

// SetupProviderConfigs adds, for each kind of provider configuration, the
// controller that counts its users and keeps those in use from being deleted,
// and the one that tells whether the server can be used.
func SetupProviderConfigs(mgr ctrl.Manager, o xpcontroller.Options, servers *Servers) error {
	namespaced, cluster := miniov1alpha1.ProviderConfigKind, miniov1alpha1.ClusterProviderConfigKind

	for _, err := range []error{
		setupUses(mgr, o, namespaced, &miniov1alpha1.ProviderConfig{}),
		setupUses(mgr, o, cluster, &miniov1alpha1.ClusterProviderConfig{}),
		setupHealth(mgr, o, namespaced, servers, func() resource.ProviderConfig { return &miniov1alpha1.ProviderConfig{} }),
		setupHealth(mgr, o, cluster, servers, func() resource.ProviderConfig { return &miniov1alpha1.ClusterProviderConfig{} }),
	} {
		if err != nil {
			return err
		}
	}

	return nil
}

// setupHealth adds the controller that checks servers.
func setupHealth(mgr ctrl.Manager, o xpcontroller.Options, gvk schema.GroupVersionKind, servers *Servers, newConfig func() resource.ProviderConfig) error {
	name := "health/" + strings.ToLower(gvk.GroupKind().String())

	h := &health{
		kube:      mgr.GetClient(),
		servers:   servers,
		record:    event.NewAPIRecorder(mgr.GetEventRecorderFor(name)), //nolint:staticcheck // The runtime knows the older recorder only.
		kind:      gvk.Kind,
		newConfig: newConfig,
	}

	// What this controller writes itself does not change the generation.
	err := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(o.ForControllerRuntime()).
		WithEventFilter(predicate.GenerationChangedPredicate{}).
		For(newConfig()).
		Complete(ratelimiter.NewReconciler(name, reconciler.Drain(h), o.GlobalRateLimiter))

	return errors.Wrapf(err, "cannot set up the controller that checks the servers of %s", gvk.Kind)
}

// setupUses adds the controller that counts uses.
func setupUses[T client.Object](mgr ctrl.Manager, o xpcontroller.Options, gvk schema.GroupVersionKind, config T) error {
	name := providerconfig.ControllerName(gvk.GroupKind().String())
	kinds := resource.ProviderConfigKinds{
		Config:    gvk,
		Usage:     miniov1alpha1.ProviderConfigUsageKind,
		UsageList: miniov1alpha1.GroupVersion.WithKind("ProviderConfigUsageList"),
	}

	record := reconciler.NewChangeRecorder(event.NewAPIRecorder(mgr.GetEventRecorderFor(name))) //nolint:staticcheck // The runtime knows the older recorder only.

	// The runtime writes the configuration and its status whenever it counts.
	kube := reconciler.NewChangeOnlyClient[T](ownUses{Client: mgr.GetClient()}, mgr.GetAPIReader(), record.Forget)
	kube.Updates = true

	r := providerconfig.NewReconciler(reconciler.WithClient(mgr, kube), kinds,
		providerconfig.WithLogger(o.Logger.WithValues("controller", name)),
		providerconfig.WithRecorder(record))

	err := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(o.ForControllerRuntime()).
		For(config).
		Watches(&miniov1alpha1.ProviderConfigUsage{}, &resource.EnqueueRequestForProviderConfig{Kind: gvk.Kind}).
		Complete(reconciler.Throttle(ratelimiter.NewReconciler(name, inNamespace{Reconciler: errors.WithSilentRequeueOnConflict(r)}, o.GlobalRateLimiter), countEvery))

	return errors.Wrapf(err, "cannot set up the controller of %s", gvk.Kind)
}

// inNamespace tells ownUses the namespace of the configuration that is reconciled.
type inNamespace struct {
	reconcile.Reconciler
}

// Reconcile reconciles one configuration.
func (r inNamespace) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	return r.Reconciler.Reconcile(context.WithValue(ctx, namespaceKey{}, req.Namespace), req)
}

type namespaceKey struct{}

// ownUses lists what is in the namespace of the configuration that is
// reconciled, and everything for one of the whole cluster. The runtime counts
// uses by the configuration's name only: one of the same name in another
// namespace would keep this one from being deleted, for ever.
type ownUses struct {
	client.Client
}

// List lists objects.
func (c ownUses) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	namespace, _ := ctx.Value(namespaceKey{}).(string)

	return c.Client.List(ctx, list, append(opts, client.InNamespace(namespace))...)
}
