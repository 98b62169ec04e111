package upjet

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"

	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	xpresource "github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/provider/controller"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/server"
)

// GVK returns the kind's group, version and kind in Kubernetes.
func (c *Config) GVK() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: c.ShortGroup + "." + rootGroup, Version: c.Version, Kind: c.Kind}
}

// Setup adds a controller for each kind to a manager. The manager's scheme must know
// the kinds.
func Setup(mgr ctrl.Manager, o xpcontroller.Options, servers *server.Servers) error {
	for _, c := range Configs() {
		object, err := mgr.GetScheme().New(c.GVK())
		if err != nil {
			return errors.Wrap(err, "cannot set up a controller")
		}

		list, err := mgr.GetScheme().New(c.GVK().GroupVersion().WithKind(c.Kind + "List"))
		if err != nil {
			return errors.Wrap(err, "cannot set up a controller")
		}

		controller.Setup(mgr, o, servers, controller.Kind[Resource]{
			GVK:    c.GVK(),
			Object: object.(Resource),             //nolint:forcetypeassert // All generated kinds are.
			List:   list.(xpresource.ManagedList), //nolint:forcetypeassert // The same.
			Client: func(_ controller.Kube, srv *minio.Server) managed.TypedExternalClient[Resource] {
				return &external{config: c, kube: mgr.GetClient(), server: srv}
			},
		})
	}

	return nil
}
