package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/provider/reconciler"
)

// An Intent is what a kind's resources store before a creation, so that nothing has to be stored
// after it. Every write of a resource is one more event for whatever composes it.
//
// It is for kinds whose external objects have names that follow from the UIDs of the resources: the
// name can be recorded before the creation, because nothing of somebody else's has it. The runtime's
// record that the creation succeeded is then omitted. The status says that an object was made, and
// the runtime needs no record for names that it need not find out.
type Intent[T resource.ModernManaged] struct {
	// Name records the external name of a resource in its annotations.
	Name func(T)
	// Made reports whether the status of a resource shows an external object, whatever has become
	// of it since.
	Made func(T) bool
}

// namingFinalizer is the finalizer of a kind with an Intent.
type namingFinalizer[T resource.ModernManaged] struct {
	resource.Finalizer

	name func(T)
}

// AddFinalizer records the name of an external object that is about to be created. The runtime
// stores it with the intent to create.
func (f namingFinalizer[T]) AddFinalizer(ctx context.Context, obj resource.Object) error {
	if err := f.Finalizer.AddFinalizer(ctx, obj); err != nil {
		return err
	}

	if mg, ok := obj.(T); ok && !reconciler.Owns(mg) {
		f.name(mg)
	}

	return nil
}

// newIntentUpdater returns what stores the annotations of a resource after the call that creates its
// external object: only those that were not stored with the intent to create.
func newIntentUpdater(c client.Client) managed.CriticalAnnotationUpdater {
	updater := managed.NewRetryingCriticalAnnotationUpdater(c)

	return managed.CriticalAnnotationUpdateFn(func(ctx context.Context, o client.Object) error {
		if !changedSinceIntent(o) {
			return nil
		}

		return updater.UpdateCriticalAnnotations(ctx, o)
	})
}

// changedSinceIntent reports whether annotations of a resource record more than the intent to create
// and its success: that it failed, or that what it made had been lost. The runtime's times are in
// seconds.
func changedSinceIntent(o client.Object) bool {
	intended := meta.GetExternalCreatePending(o)

	return !meta.GetExternalCreateFailed(o).Before(intended) || !recreatedAt(o).Before(intended)
}
