// Package user drives the users of a MinIO server.
package user

import (
	"context"
	"time"

	"github.com/minio/madmin-go/v3"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/controller"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// Kind of User.
func Kind() controller.Kind[*miniov1alpha1.User] {
	return kind(reconciler.NewMemory[memory]())
}

func kind(memories *reconciler.Memory[memory]) controller.Kind[*miniov1alpha1.User] {
	return controller.Kind[*miniov1alpha1.User]{
		GVK:    miniov1alpha1.UserKind,
		Object: &miniov1alpha1.User{},
		List:   &miniov1alpha1.UserList{},

		PublishesSecret: true,
		Client: func(kube controller.Kube, srv *minio.Server) managed.TypedExternalClient[*miniov1alpha1.User] {
			return &external{
				kube:          kube,
				admin:         srv.Admin,
				providersUser: srv.AccessKey,
				keys:          keys{admin: srv.Admin},
				policies:      policies{kube: kube, admin: srv.Admin},
				connection:    connection{kube: kube, endpoint: srv.PublicEndpoint, region: srv.PublishedRegion()},
				verifier:      verifier{locate: srv.Locate, endpoint: srv.PublicEndpoint, internalEndpoint: srv.Endpoint},
				memories:      memories,
				now:           time.Now,
			}
		},
		Next:   nextDue,
		Forget: memories.Forget,
	}
}

// userAdmin is what this file and observe.go need of an administration client.
type userAdmin interface {
	GetUserInfo(ctx context.Context, accessKey string) (madmin.UserInfo, error)
	SetUserStatus(ctx context.Context, accessKey string, status madmin.AccountStatus) error
	RemoveUser(ctx context.Context, accessKey string) error
}

// external drives one server's users. It lives for one reconcile.
type external struct {
	kube  controller.Kube
	admin userAdmin
	// providersUser is the access key that the provider itself uses.
	providersUser string

	keys       keys
	policies   policies
	connection connection
	verifier   verifier

	memories *reconciler.Memory[memory]
	now      func() time.Time

	// observed and drift are the results of Observe, for Update.
	observed observed
	drift    drift
}

// Create writes the policy, creates the user, which has no rights yet, and attaches
// the policy. Each step can be repeated, so it does not matter where an earlier
// attempt stopped.
func (e *external) Create(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalCreation, error) {
	if err := e.policies.write(ctx, u); err != nil {
		return managed.ExternalCreation{}, err
	}

	secretKey, err := e.keys.addUser(ctx, u)
	if err != nil {
		return managed.ExternalCreation{}, err
	}

	meta.SetExternalName(u, Name(u))

	if err := e.policies.attach(ctx, u); err != nil {
		return managed.ExternalCreation{}, err
	}

	// A rotated user that was lost on the server gets the key of its current
	// generation again.
	if u.Status.AtProvider.Generation > 0 {
		if secretKey, err = e.keys.create(ctx, u); err != nil {
			return managed.ExternalCreation{}, err
		}
	}

	if !enabled(u) {
		err = e.setStatus(ctx, u, madmin.AccountDisabled)
	}

	return managed.ExternalCreation{ConnectionDetails: e.connection.details(u, secretKey)}, err
}

// Update corrects what has drifted, and nothing else. The next reconcile may be a
// whole poll interval away, so Update itself marks the user Ready.
func (e *external) Update(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalUpdate, error) {
	if !e.observed.exists {
		return managed.ExternalUpdate{}, reconciler.NotCreatable("user", Name(u))
	}

	if e.drift.policy {
		if err := e.policies.write(ctx, u); err != nil {
			return managed.ExternalUpdate{}, err
		}
	}

	if !enabled(u) {
		return managed.ExternalUpdate{}, e.disable(ctx, u)
	}

	secretKey, err := e.mend(ctx, u)
	if err != nil {
		return managed.ExternalUpdate{}, err
	}

	details := e.connection.details(u, secretKey)
	e.setReady(u, details)

	if e.drift.rotationDue {
		// The new generation is stored first. The next reconcile creates its key:
		// however often that fails, each attempt creates the same key.
		rotate(u, e.now())
	}

	return managed.ExternalUpdate{ConnectionDetails: details}, nil
}

// mend corrects the drift of a user that should be enabled, and returns its current
// secret key; empty if the key is not published. It enables the user before it
// attaches policies, because the server denies that a disabled user exists. It
// verifies a key before it is published.
func (e *external) mend(ctx context.Context, u *miniov1alpha1.User) (minio.Secret, error) {
	if e.drift.status {
		if err := e.setStatus(ctx, u, madmin.AccountEnabled); err != nil {
			return "", err
		}
	}

	if e.drift.attachments {
		if err := e.policies.attach(ctx, u); err != nil {
			return "", err
		}
	}

	if err := e.keys.revoke(ctx, u, e.drift.expiredKeys); err != nil {
		return "", err
	}

	dropRetiring(u, e.drift.expiredKeys)

	secretKey := e.observed.secretKey

	if e.drift.keyLost {
		var err error
		if secretKey, err = e.keys.create(ctx, u); err != nil {
			return "", err
		}
	}

	if secretKey == "" {
		return "", nil
	}

	return secretKey, e.verify(ctx, u, secretKey)
}

// disable disables the user.
func (e *external) disable(ctx context.Context, u *miniov1alpha1.User) error {
	if e.drift.status {
		if err := e.setStatus(ctx, u, madmin.AccountDisabled); err != nil {
			return err
		}
	}

	u.SetConditions(disabledCondition())

	return nil
}

// Delete removes the user with all its keys, and then its policy, which the server
// keeps while it is attached to another user or group.
func (e *external) Delete(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalDelete, error) {
	u.SetConditions(xpv1.Deleting())

	if err := waitForBuckets(ctx, e.kube, u); err != nil {
		return managed.ExternalDelete{}, err
	}

	if err := e.admin.RemoveUser(ctx, Name(u)); resource.Ignore(minio.IsNotFound, err) != nil {
		return managed.ExternalDelete{}, errors.Wrapf(err, "cannot remove user %q", Name(u))
	}

	return managed.ExternalDelete{}, e.policies.remove(ctx, u)
}

// Disconnect does nothing: the client is shared.
func (e *external) Disconnect(context.Context) error { return nil }

// verify verifies a key and remembers the connection details that it was verified
// with.
func (e *external) verify(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) error {
	inGroups := len(e.observed.info.MemberOf) > 0
	if err := e.verifier.verify(ctx, u, secretKey, inGroups); err != nil {
		return err
	}

	e.memories.Of(u).verified = hash(e.connection.details(u, secretKey))

	return nil
}

// setReady marks an enabled user Ready and records the key that is published.
func (e *external) setReady(u *miniov1alpha1.User, published managed.ConnectionDetails) {
	recordKey(u, published, e.now())
	u.SetConditions(xpv1.Available())
}

// disabledCondition is the condition Ready of a user that is disabled as its spec
// asks.
func disabledCondition() xpv1.Condition {
	c := xpv1.Unavailable().WithMessage("the user is disabled, as spec.forProvider.enabled asks")
	c.Reason = miniov1alpha1.ReasonDisabled

	return c
}

func (e *external) setStatus(ctx context.Context, u *miniov1alpha1.User, status madmin.AccountStatus) error {
	err := e.admin.SetUserStatus(ctx, Name(u), status)

	return errors.Wrapf(err, "cannot set the status of user %q to %s", Name(u), status)
}
