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

// GVK returns what Kubernetes calls the kind.
func (k *Kind) GVK() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: k.ShortGroup + "." + rootGroup, Version: k.Version, Kind: k.Kind}
}

// Setup adds a controller for each kind to a manager, whose scheme knows them.
func Setup(mgr ctrl.Manager, o xpcontroller.Options, servers *server.Servers) error {
	for _, k := range Kinds() {
		object, err := mgr.GetScheme().New(k.GVK())
		if err != nil {
			return errors.Wrap(err, "cannot set up a controller")
		}

		list, err := mgr.GetScheme().New(k.GVK().GroupVersion().WithKind(k.Kind + "List"))
		if err != nil {
			return errors.Wrap(err, "cannot set up a controller")
		}

		controller.Setup(mgr, o, servers, controller.Kind[Resource]{
			GVK:    k.GVK(),
			Object: object.(Resource),             //nolint:forcetypeassert // All that is generated is.
			List:   list.(xpresource.ManagedList), //nolint:forcetypeassert // The same.
			Client: func(_ controller.Kube, srv *minio.Server) managed.TypedExternalClient[Resource] {
				return &external{kind: k, kube: mgr.GetClient(), server: srv}
			},
		})
	}

	return nil
}
