package server

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
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

// countInterval is the shortest time between two counts of one configuration's usages.
// Each count lists all of them and may write their number, and hundreds of usages may
// change in a second.
const countInterval = time.Second

// SetupProviderConfigs adds two controllers for each kind of provider configuration: one
// counts its usages and keeps it from being deleted while there are any, the other
// reports whether its server can be used.
func SetupProviderConfigs(mgr ctrl.Manager, o xpcontroller.Options, servers *Servers) error {
	namespaced, cluster := miniov1alpha1.ProviderConfigKind, miniov1alpha1.ClusterProviderConfigKind

	for _, err := range []error{
		setupUsages(mgr, o, namespaced, &miniov1alpha1.ProviderConfig{}),
		setupUsages(mgr, o, cluster, &miniov1alpha1.ClusterProviderConfig{}),
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

	// The controller's own writes change the status only, not the generation.
	err := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(o.ForControllerRuntime()).
		WithEventFilter(predicate.GenerationChangedPredicate{}).
		For(newConfig()).
		Complete(ratelimiter.NewReconciler(name, reconciler.Drain(h), o.GlobalRateLimiter))

	return errors.Wrapf(err, "cannot set up the controller that checks the servers of %s", gvk.Kind)
}

// setupUsages adds the controller that counts usages.
func setupUsages[T client.Object](mgr ctrl.Manager, o xpcontroller.Options, gvk schema.GroupVersionKind, config T) error {
	name := providerconfig.ControllerName(gvk.GroupKind().String())
	kinds := resource.ProviderConfigKinds{
		Config:    gvk,
		Usage:     miniov1alpha1.ProviderConfigUsageKind,
		UsageList: miniov1alpha1.GroupVersion.WithKind("ProviderConfigUsageList"),
	}

	record := reconciler.NewChangeRecorder(event.NewAPIRecorder(mgr.GetEventRecorderFor(name))) //nolint:staticcheck // The runtime knows the older recorder only.

	// The runtime updates the configuration and its status after every count.
	kube := reconciler.NewChangeOnlyClient(usageLister{Client: mgr.GetClient()}, mgr.GetAPIReader(), config, record.Forget)

	r := providerconfig.NewReconciler(reconciler.WithClient(mgr, generationRecorder{kube}), kinds,
		providerconfig.WithLogger(o.Logger.WithValues("controller", name)),
		providerconfig.WithRecorder(record))
	limited := ratelimiter.NewReconciler(name, withNamespace{Reconciler: errors.WithSilentRequeueOnConflict(r)}, o.GlobalRateLimiter)

	err := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(o.ForControllerRuntime()).
		For(config).
		Watches(&miniov1alpha1.ProviderConfigUsage{}, &resource.EnqueueRequestForProviderConfig{Kind: gvk.Kind}).
		Complete(reconciler.Throttle(limited, countInterval))

	return errors.Wrapf(err, "cannot set up the controller of %s", gvk.Kind)
}

// withNamespace passes the namespace of the configuration that is reconciled to
// usageLister, by way of the context.
type withNamespace struct {
	reconcile.Reconciler
}

func (r withNamespace) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	return r.Reconciler.Reconcile(context.WithValue(ctx, namespaceKey{}, req.Namespace), req)
}

type namespaceKey struct{}

// usageLister lists usages of the namespace of the configuration that is reconciled, and
// of all namespaces for a ClusterProviderConfig. The runtime matches usages by the
// configuration's name only: those of a configuration of the same name in another
// namespace would keep this one from ever being deleted.
type usageLister struct {
	client.Client
}

func (c usageLister) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	namespace, _ := ctx.Value(namespaceKey{}).(string)

	return c.Client.List(ctx, list, append(opts, client.InNamespace(namespace))...)
}

// generationRecorder records the generation of the spec in the condition Terminating of a
// configuration, which the runtime sets without one.
type generationRecorder struct {
	client.Client
}

// Status returns a writer of the status.
func (c generationRecorder) Status() client.SubResourceWriter {
	return statusGenerationRecorder{c.Client.Status()}
}

type statusGenerationRecorder struct {
	client.SubResourceWriter
}

func (w statusGenerationRecorder) Update(ctx context.Context, o client.Object, opts ...client.SubResourceUpdateOption) error {
	if pc, ok := o.(resource.ProviderConfig); ok && pc.GetCondition(providerconfig.TypeTerminating).Status == corev1.ConditionTrue {
		reconciler.SetConditions(pc, pc.GetCondition(providerconfig.TypeTerminating))
	}

	return w.SubResourceWriter.Update(ctx, o, opts...)
}
