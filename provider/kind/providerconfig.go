package kind

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/ratelimiter"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/providerconfig"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// SetupProviderConfigs adds the controllers that count the users of provider
// configurations and keep those in use from being deleted.
func SetupProviderConfigs(mgr ctrl.Manager, o xpcontroller.Options) error {
	if err := setupProviderConfig(mgr, o, v1alpha1.ProviderConfigKind, &v1alpha1.ProviderConfig{}); err != nil {
		return err
	}

	return setupProviderConfig(mgr, o, v1alpha1.ClusterProviderConfigKind, &v1alpha1.ClusterProviderConfig{})
}

func setupProviderConfig[T client.Object](mgr ctrl.Manager, o xpcontroller.Options, gvk schema.GroupVersionKind, config T) error {
	name := providerconfig.ControllerName(gvk.GroupKind().String())
	kinds := resource.ProviderConfigKinds{
		Config:    gvk,
		Usage:     v1alpha1.ProviderConfigUsageKind,
		UsageList: v1alpha1.GroupVersion.WithKind("ProviderConfigUsageList"),
	}

	record := newChangeRecorder(event.NewAPIRecorder(mgr.GetEventRecorderFor(name))) //nolint:staticcheck // The runtime knows the older recorder only.

	// The runtime writes the configuration and its status whenever a use of it
	// comes or goes, hundreds of times while hundreds of claims are made.
	quiet := newQuietClient[T](mgr.GetClient(), record.forget)
	quiet.updates = true

	r := providerconfig.NewReconciler(quietManager{Manager: mgr, client: quiet}, kinds,
		providerconfig.WithLogger(o.Logger.WithValues("controller", name)),
		providerconfig.WithRecorder(record))

	err := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(o.ForControllerRuntime()).
		For(config).
		Watches(&v1alpha1.ProviderConfigUsage{}, &resource.EnqueueRequestForProviderConfig{Kind: gvk.Kind}).
		Complete(ratelimiter.NewReconciler(name, r, o.GlobalRateLimiter))

	return errors.Wrapf(err, "cannot set up the controller of %s", gvk.Kind)
}
