package controller

import (
	"context"
	"fmt"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/provider/minio"
)

// explained is a client whose errors tell what is wrong with the server, or with
// the way to it, in the words of the provider configuration's own condition.
type explained[T resource.ModernManaged] struct {
	client managed.TypedExternalClient[T]
	// config names the provider configuration.
	config string
}

func newExplained[T resource.ModernManaged](c managed.TypedExternalClient[T], mg T) explained[T] {
	e := explained[T]{client: c}
	if ref := mg.GetProviderConfigReference(); ref != nil {
		e.config = fmt.Sprintf("%s %q", ref.Kind, ref.Name)
	}

	return e
}

// Observe looks at the external resource.
func (e explained[T]) Observe(ctx context.Context, mg T) (managed.ExternalObservation, error) {
	o, err := e.client.Observe(ctx, mg)
	return o, e.explain(err)
}

// Create makes the external resource.
func (e explained[T]) Create(ctx context.Context, mg T) (managed.ExternalCreation, error) {
	c, err := e.client.Create(ctx, mg)
	return c, e.explain(err)
}

// Update changes the external resource.
func (e explained[T]) Update(ctx context.Context, mg T) (managed.ExternalUpdate, error) {
	u, err := e.client.Update(ctx, mg)
	return u, e.explain(err)
}

// Delete removes the external resource.
func (e explained[T]) Delete(ctx context.Context, mg T) (managed.ExternalDelete, error) {
	d, err := e.client.Delete(ctx, mg)
	return d, e.explain(err)
}

// Disconnect lets go of the server.
func (e explained[T]) Disconnect(ctx context.Context) error { return e.client.Disconnect(ctx) }

func (e explained[T]) explain(err error) error {
	err = minio.Explain(err)

	if known := new(minio.Error); errors.As(err, &known) {
		return errors.Wrapf(err, "cannot use %s", e.config)
	}

	return err
}
