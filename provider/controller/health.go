package controller

import (
	"context"
	"fmt"
	"time"

	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/provider/minio"
)

// withServerHealth is a client whose errors name the provider configuration and the
// remedy, in the words of that configuration's own condition, if they are caused by the
// server's health or by the connection to it.
type withServerHealth[T resource.ModernManaged] struct {
	client managed.TypedExternalClient[T]
	// config names the provider configuration: its kind and its quoted name.
	config string
	// unreachable is called when the server did not answer a call.
	unreachable func()
	// unchanged checks the server, and returns an error if it must not be driven.
	unchanged func(context.Context) error
	// kind of the resource, the recorder of its events, and the clock.
	kind   string
	record event.Recorder
	now    func() time.Time
}

func newWithServerHealth[T resource.ModernManaged](c managed.TypedExternalClient[T], mg T, unreachable func(), unchanged func(context.Context) error) withServerHealth[T] {
	w := withServerHealth[T]{client: c, unreachable: unreachable, unchanged: unchanged, record: event.NewNopRecorder(), now: time.Now}
	if ref := mg.GetProviderConfigReference(); ref != nil {
		w.config = fmt.Sprintf("%s %q", ref.Kind, ref.Name)
	}

	return w
}

func (w withServerHealth[T]) Observe(ctx context.Context, mg T) (managed.ExternalObservation, error) {
	o, err := w.client.Observe(ctx, mg)
	if errors.Is(err, minio.ErrUnanswered) {
		// Another resource waits for the same endpoint. The runtime repeats a reconcile
		// in silence after a conflict.
		return o, kerrors.NewConflict(schema.GroupResource{}, mg.GetName(), err)
	}

	if err == nil && o.ResourceExists && !meta.WasDeleted(mg) {
		showRecreation(mg, w.kind, w.now())
	}

	return o, w.explain(err)
}

func (w withServerHealth[T]) Create(ctx context.Context, mg T) (managed.ExternalCreation, error) {
	// What existed before may be missing because another server answers. The last check may
	// have been a minute ago.
	again := existed(mg)
	if again {
		if err := w.unchanged(ctx); err != nil {
			return managed.ExternalCreation{}, w.explain(err)
		}
	}

	c, err := w.client.Create(ctx, mg)
	if err == nil && again {
		recordRecreation(mg, w.kind, w.record, w.now())
	}

	return c, w.explain(err)
}

func (w withServerHealth[T]) Update(ctx context.Context, mg T) (managed.ExternalUpdate, error) {
	u, err := w.client.Update(ctx, mg)
	return u, w.explain(err)
}

func (w withServerHealth[T]) Delete(ctx context.Context, mg T) (managed.ExternalDelete, error) {
	d, err := w.client.Delete(ctx, mg)
	return d, w.explain(err)
}

func (w withServerHealth[T]) Disconnect(ctx context.Context) error { return w.client.Disconnect(ctx) }

// explain adds the provider configuration and the remedy to an error that the server's
// health explains. It returns any other error as it is. After a call that was not answered
// the server is checked, so that other reconciles need not find out for themselves.
func (w withServerHealth[T]) explain(err error) error {
	err = minio.Explain(err)

	if unhealthy := new(minio.Error); errors.As(err, &unhealthy) {
		if unhealthy.Health == minio.Unreachable {
			w.unreachable()
		}

		return errors.Wrapf(err, "cannot use %s", w.config)
	}

	return err
}
