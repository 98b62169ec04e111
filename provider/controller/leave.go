package controller

import (
	"context"

	kerrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
	"github.com/cistern-dev/cistern/provider/server"
)

// leavingFinalizer is the finalizer of a kind with a function Leave. The runtime removes the
// finalizer of a resource that its management policies do not let it delete without calling
// the kind's client.
type leavingFinalizer[T resource.ModernManaged] struct {
	resource.Finalizer

	servers *server.Servers
	leave   func(ctx context.Context, srv *minio.Server, mg T) error
}

// RemoveFinalizer calls Leave, unless the external object was deleted, or is not the
// resource's. If that fails the finalizer stays, and the runtime tries again.
func (f leavingFinalizer[T]) RemoveFinalizer(ctx context.Context, obj resource.Object) error {
	if mg, ok := obj.(T); ok && leaves(mg) {
		srv, err := f.servers.For(ctx, mg)

		switch {
		case kerrors.IsNotFound(err):
			// No configuration leads to the server any more.
		case err != nil:
			return err
		default:
			if err := f.leaveServer(ctx, srv, mg); err != nil {
				return errors.Wrap(err, "cannot leave it on the server")
			}
		}
	}

	return f.Finalizer.RemoveFinalizer(ctx, obj)
}

// leaveServer calls Leave, unless another server answers than the resource's: what has the same name
// there is somebody else's. It happens once to a resource, so it does not rely on an earlier check.
func (f leavingFinalizer[T]) leaveServer(ctx context.Context, srv *minio.Server, mg T) error {
	if err := srv.Identify(ctx, 0); err != nil {
		return err
	}

	return f.leave(ctx, srv, mg)
}

// leaves reports whether the external object of a deleted resource stays on the server, and
// was the resource's to change.
func leaves(mg resource.ModernManaged) bool {
	p := managed.NewManagementPoliciesResolver(true, mg.GetManagementPolicies())

	return !p.ShouldDelete() && p.ShouldUpdate() && !reconciler.IsCopy(mg) && reconciler.Owns(mg)
}
