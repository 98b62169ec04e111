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

// identityMaxAge is for how long a deletion relies on what a check found out about the server's
// identity.
const identityMaxAge = 5 * time.Second

// withServerHealth is a client whose errors name the provider configuration and the
// remedy, in the words of that configuration's own condition, if they are caused by the
// server's health or by the connection to it.
type withServerHealth[T resource.ModernManaged] struct {
	client managed.TypedExternalClient[T]
	// config names the provider configuration: its kind and its quoted name.
	config string
	server checker
	// kind of the resource, the recorder of its events, and the clock.
	kind   string
	record event.Recorder
	now    func() time.Time
	// made is that of the kind's Intent, if it has one.
	made func(T) bool
}

// checker checks a server; see minio.Server.
type checker interface {
	CheckInBackground() <-chan struct{}
	Recheck(ctx context.Context) error
	Identify(ctx context.Context, maxAge time.Duration) error
}

func newWithServerHealth[T resource.ModernManaged](c managed.TypedExternalClient[T], mg T, srv checker) withServerHealth[T] {
	w := withServerHealth[T]{client: c, server: srv, record: event.NewNopRecorder(), now: time.Now}
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

	if err == nil && !o.ResourceExists && meta.WasDeleted(mg) {
		o, err = w.observeGone(ctx, mg)
	}

	if err == nil && o.ResourceExists && !meta.WasDeleted(mg) {
		showRecreation(mg, w.kind, w.now())
	}

	return o, w.explain(err)
}

// observeGone observes a resource again that is being deleted and seems to be gone. One answer
// is not believed: what is left behind has no resource any more. What is missing on another
// server was not deleted.
func (w withServerHealth[T]) observeGone(ctx context.Context, mg T) (managed.ExternalObservation, error) {
	if err := w.server.Identify(ctx, identityMaxAge); err != nil {
		return managed.ExternalObservation{}, err
	}

	return w.client.Observe(ctx, mg)
}

func (w withServerHealth[T]) Create(ctx context.Context, mg T) (managed.ExternalCreation, error) {
	// What existed before may be missing because another server answers. The last check may
	// have been a minute ago.
	again := existed(mg) || w.made != nil && w.made(mg)
	if again {
		if err := w.server.Recheck(ctx); err != nil {
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
	// The runtime repeats an observation in silence, and reports an update that fails.
	u, err := w.client.Update(minio.Patient(ctx), mg)
	return u, w.explain(err)
}

func (w withServerHealth[T]) Delete(ctx context.Context, mg T) (managed.ExternalDelete, error) {
	// What has the same name on another server is not the resource's. A deletion that has to
	// wait is repeated often, so not each attempt checks the server.
	if err := w.server.Identify(ctx, identityMaxAge); err != nil {
		return managed.ExternalDelete{}, w.explain(err)
	}

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
			w.server.CheckInBackground()
		}

		return errors.Wrapf(err, "cannot use %s", w.config)
	}

	return err
}
