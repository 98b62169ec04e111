package reconciler

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// finalizerName is the finalizer that all Crossplane providers put on managed
// resources.
const finalizerName = "finalizer.managedresource.crossplane.io"

// NewFinalizer returns a finalizer that also records which resource owns the external
// resource, in the same write; see IsCopy. It changes nothing else of a resource in memory
// except its version. The runtime's own finalizer reads the whole resource back from the
// API server, so the status that was just observed is lost; an adopted resource, which is
// reconciled only once, would not become Ready before the next poll.
func NewFinalizer(c client.Client) resource.Finalizer {
	return finalizer{Finalizer: resource.NewAPIFinalizer(c, finalizerName), client: c}
}

// finalizer is what NewFinalizer returns.
type finalizer struct {
	resource.Finalizer

	client client.Client
}

// AddFinalizer adds the finalizer and the owner if one of them is missing. The runtime
// calls it after each observation that found no error. A resource that exists since before
// owners were recorded gets its owner here, and so does one that was adopted.
//
// If the resource is about to be created AddFinalizer changes it in memory only: the
// runtime then stores that a creation is pending, and all of this with it, before it
// creates anything. That saves one write for each creation, and one event for everything
// that watches the resource.
func (f finalizer) AddFinalizer(ctx context.Context, obj resource.Object) error {
	missing := !meta.FinalizerExists(obj, finalizerName)
	meta.AddFinalizer(obj, finalizerName)
	missing = recordOwner(obj) || missing

	if mg, ok := obj.(resource.Managed); !missing || ok && !Owns(mg) && mayCreate(mg) {
		return nil
	}

	stored, ok := obj.DeepCopyObject().(client.Object)
	if !ok {
		return errors.New("cannot copy the resource")
	}

	if err := f.client.Update(ctx, stored); err != nil {
		return errors.Wrap(err, "cannot add the finalizer")
	}

	obj.SetResourceVersion(stored.GetResourceVersion())

	return nil
}

// mayCreate reports whether a resource's management policies allow creating it.
func mayCreate(mg resource.Managed) bool {
	return managed.NewManagementPoliciesResolver(true, mg.GetManagementPolicies()).ShouldCreate()
}
