package reconciler

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// finalizerName is the name by which all Crossplane providers mark resources
// that they must see before they go.
const finalizerName = "finalizer.managedresource.crossplane.io"

// finalizer adds and removes the finalizer without touching the rest of the
// resource in memory. The runtime's own reads the resource back from the API
// server, and the status that was just observed is lost; a resource that is
// adopted, whose finalizer is added in its only reconcile, would not become
// ready before the next poll.
type finalizer struct{ resource.Finalizer }

func NewFinalizer(c client.Client) finalizer {
	return finalizer{resource.NewAPIFinalizer(c, finalizerName)}
}

// AddFinalizer adds the finalizer if it is not there. To a resource that is about
// to be created it is added in memory only: the runtime stores next that it is,
// and the finalizer with it. Each write less is an event less for everybody who
// watches.
func (f finalizer) AddFinalizer(ctx context.Context, obj resource.Object) error {
	if mg, ok := obj.(resource.Managed); ok && !Owns(mg) && managed.NewManagementPoliciesResolver(true, mg.GetManagementPolicies()).ShouldCreate() {
		meta.AddFinalizer(mg, finalizerName)

		return nil
	}

	stored, ok := obj.DeepCopyObject().(resource.Object)
	if !ok {
		return f.Finalizer.AddFinalizer(ctx, obj)
	}

	if err := f.Finalizer.AddFinalizer(ctx, stored); err != nil {
		return err
	}

	obj.SetFinalizers(stored.GetFinalizers())
	obj.SetResourceVersion(stored.GetResourceVersion())

	return nil
}
