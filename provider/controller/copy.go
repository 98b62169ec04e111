package controller

import (
	"context"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/provider/reconciler"
)

// newCopyClient returns the client of a copy, see reconciler.IsCopy, of any kind. It calls
// no server: a copy changes nothing, and is deleted also if its server is gone.
func newCopyClient[T resource.ModernManaged](kind string) managed.TypedExternalClient[T] {
	return &managed.TypedExternalClientFns[T]{
		ObserveFn: func(_ context.Context, mg T) (managed.ExternalObservation, error) {
			if meta.WasDeleted(mg) {
				return managed.ExternalObservation{}, nil
			}

			// A status that was copied too may say the opposite.
			reconciler.SetConditions(mg, xpv1.Unavailable())

			return managed.ExternalObservation{}, reconciler.Copied(mg, kind)
		},
		// The runtime calls neither Create nor Update after an error, nor Delete for
		// what does not exist.
		DisconnectFn: func(context.Context) error { return nil },
	}
}
