package controller

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
			c := newWithServerHealth(managed.TypedExternalClient[*miniov1alpha1.Bucket](failing{tc.err}), b, &fakeChecker{checks: &checks})

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

// fakeChecker counts checks in the background, and returns an error of the server's identity.
type fakeChecker struct {
	checks *int
	err    error
}

func (c *fakeChecker) CheckInBackground() <-chan struct{} {
	*c.checks++

	return nil
}

func (c *fakeChecker) Recheck(context.Context) error { return c.err }

func (c *fakeChecker) Identify(context.Context, time.Duration) error { return c.err }

// TestDeleteChecksIdentity lets another server answer before a resource is deleted, and expects
// nothing to be deleted on it, and what is missing there not to be taken for deleted.
func TestDeleteChecksIdentity(t *testing.T) {
	b := providertest.NewBucket("ProviderConfig")
	b.DeletionTimestamp = new(metav1.Now())
	deleted := 0
	client := &managed.TypedExternalClientFns[*miniov1alpha1.Bucket]{
		DeleteFn: func(context.Context, *miniov1alpha1.Bucket) (managed.ExternalDelete, error) {
			deleted++

			return managed.ExternalDelete{}, nil
		},
		ObserveFn: func(context.Context, *miniov1alpha1.Bucket) (managed.ExternalObservation, error) {
			return managed.ExternalObservation{}, nil
		},
	}
	changed := &minio.Error{Health: minio.Changed, Err: errors.New("its deployment ID is second, and was first")}

	for i, srv := range []*fakeChecker{{err: changed, checks: new(int)}, {checks: new(int)}} {
		c := newWithServerHealth(managed.TypedExternalClient[*miniov1alpha1.Bucket](client), b, srv)

		if _, err := c.Observe(t.Context(), b); (err != nil) != (srv.err != nil) {
			t.Errorf("Observe(...): want the error %v, got %v", srv.err, err)
		}

		_, err := c.Delete(t.Context(), b)
		if (err != nil) != (srv.err != nil) || deleted != i {
			t.Errorf("Delete(...): want the error %v and %d deletions, got %v and %d", srv.err, i, err, deleted)
		}
	}
}

// TestGoneTwice lets a server answer once that a bucket is gone whose resource is being deleted, and
// expects the resource to stay; a second such answer is believed.
func TestGoneTwice(t *testing.T) {
	b := providertest.NewBucket("ProviderConfig")
	b.DeletionTimestamp = new(metav1.Now())

	for name, second := range map[string]bool{"There": true, "Gone": false} {
		t.Run(name, func(t *testing.T) {
			answers := []bool{false, second}
			client := &managed.TypedExternalClientFns[*miniov1alpha1.Bucket]{
				ObserveFn: func(context.Context, *miniov1alpha1.Bucket) (managed.ExternalObservation, error) {
					exists := answers[0]
					answers = answers[1:]

					return managed.ExternalObservation{ResourceExists: exists}, nil
				},
			}

			c := newWithServerHealth(managed.TypedExternalClient[*miniov1alpha1.Bucket](client), b, &fakeChecker{checks: new(int)})

			o, err := c.Observe(t.Context(), b)
			if err != nil || o.ResourceExists != second || len(answers) > 0 {
				t.Errorf("Observe(...): want it to exist: %t, got %t, %v", second, o.ResourceExists, err)
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
