package controller

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/providertest"
)

func TestWithServerHealth(t *testing.T) {
	cannot := errors.New("cannot")
	away := &minio.Error{Health: minio.Unreachable, Err: cannot}

	for name, tc := range map[string]struct {
		reason string
		err    error
		want   string
		checks int
	}{
		"Nil":   {reason: "No error stays no error."},
		"Other": {reason: "An error that the server's health does not explain stays as it is.", err: cannot, want: "cannot"},
		"Server": {
			reason: "An error that the server's health explains names the configuration.",
			err:    away,
			want:   `cannot use ProviderConfig "default": ` + away.Error(),
			checks: 4,
		},
	} {
		t.Run(name, func(t *testing.T) {
			checks := 0
			b := providertest.NewBucket("ProviderConfig")
			c := newWithServerHealth(managed.TypedExternalClient[*miniov1alpha1.Bucket](failing{tc.err}), b, func() { checks++ }, func(context.Context) error { return nil })

			_, observe := c.Observe(t.Context(), b)
			_, create := c.Create(t.Context(), b)
			_, update := c.Update(t.Context(), b)
			_, remove := c.Delete(t.Context(), b)

			for _, err := range []error{observe, create, update, remove} {
				got := ""
				if err != nil {
					got = err.Error()
				}

				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s\n-want error, +got error:\n%s", tc.reason, diff)
				}
			}

			if checks != tc.checks {
				t.Errorf("%s\nwant %d checks of the server, got %d", tc.reason, tc.checks, checks)
			}
		})
	}
}

// failing is a client whose methods return err.
type failing struct{ err error }

func (f failing) Observe(context.Context, *miniov1alpha1.Bucket) (managed.ExternalObservation, error) {
	return managed.ExternalObservation{}, f.err
}

func (f failing) Create(context.Context, *miniov1alpha1.Bucket) (managed.ExternalCreation, error) {
	return managed.ExternalCreation{}, f.err
}

func (f failing) Update(context.Context, *miniov1alpha1.Bucket) (managed.ExternalUpdate, error) {
	return managed.ExternalUpdate{}, f.err
}

func (f failing) Delete(context.Context, *miniov1alpha1.Bucket) (managed.ExternalDelete, error) {
	return managed.ExternalDelete{}, f.err
}

func (f failing) Disconnect(context.Context) error { return nil }
