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

// NewFinalizer returns the runtime's finalizer, which stores it through c in a write of its
// own only if no other write follows.
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
	if mg, ok := obj.(resource.Managed); ok && creationFollows(mg) {
		meta.AddFinalizer(mg, finalizerName)

		return nil
	}

	return f.Finalizer.AddFinalizer(ctx, obj)
}

// creationFollows reports whether a resource that is observed not to exist is about to be
// created, so that the runtime stores its annotations and finalizers first.
func creationFollows(mg resource.Managed) bool {
	return !Owns(mg) && managed.NewManagementPoliciesResolver(true, mg.GetManagementPolicies()).ShouldCreate()
}
