package reconciler

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// finalizerName is the finalizer that all Crossplane providers put on managed
// resources.
const finalizerName = "finalizer.managedresource.crossplane.io"

// NewFinalizer returns a finalizer that changes nothing of a resource in memory except
// its finalizers and its version. The runtime's own finalizer reads the whole resource
// back from the API server, so the status that was just observed is lost; an adopted
// resource, which is reconciled only once, would not become Ready before the next poll.
func NewFinalizer(c client.Client) resource.Finalizer {
	return finalizer{resource.NewAPIFinalizer(c, finalizerName)}
}

// finalizer is what NewFinalizer returns.
type finalizer struct{ resource.Finalizer }

// AddFinalizer adds the finalizer if it is missing. If the resource is about to be
// created it adds it in memory only: the runtime then stores that a creation is
// pending, and the finalizer with it, before it creates anything. That saves one write
// for each creation, and one event for everything that watches the resource.
func (f finalizer) AddFinalizer(ctx context.Context, obj resource.Object) error {
	if mg, ok := obj.(resource.Managed); ok && !Owns(mg) && mayCreate(mg) {
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

// mayCreate reports whether a resource's management policies allow creating it.
func mayCreate(mg resource.Managed) bool {
	return managed.NewManagementPoliciesResolver(true, mg.GetManagementPolicies()).ShouldCreate()
}
