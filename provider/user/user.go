// Package user manages users of MinIO servers and their access keys: it observes, creates,
// updates and deletes the user of a User resource.
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

// Kind returns the wiring of User resources.
func Kind() controller.Kind[*miniov1alpha1.User] {
	return kind(reconciler.NewMemory[memory]())
}

func kind(memories *reconciler.Memory[memory]) controller.Kind[*miniov1alpha1.User] {
	return controller.Kind[*miniov1alpha1.User]{
		GVK:    miniov1alpha1.UserKind,
		Object: &miniov1alpha1.User{},
		List:   &miniov1alpha1.UserList{},

		PublishesSecret: true,
		Intent: &controller.Intent[*miniov1alpha1.User]{
			Name: func(u *miniov1alpha1.User) { recordName(u) },
			Made: func(u *miniov1alpha1.User) bool { return u.Status.AtProvider.AccessKeyID != "" },
		},
		Client: func(kube controller.Kube, srv *minio.Server) managed.TypedExternalClient[*miniov1alpha1.User] {
			return &external{
				kube:          kube,
				admin:         srv.Admin,
				providersUser: srv.AccessKey,
				keys:          keys{admin: srv.Admin},
				policies:      policies{kube: kube, admin: srv.Admin},
				connection:    connection{kube: kube, endpoint: srv.PublicEndpoint, region: srv.PublishedRegion(), caCertificates: srv.CACertificates},
				verifier:      verifier{locate: srv.Locate, endpoint: srv.PublicEndpoint, internalEndpoint: srv.Endpoint},
				memories:      memories,
				now:           time.Now,
			}
		},
		Next: func(u *miniov1alpha1.User) time.Time {
			return memories.Of(u).next(nextDue(u, time.Now()), time.Now())
		},
		Forget: memories.Forget,
	}
}

// Name returns u's name on the server, which is the ID of its first access key.
func Name(u *miniov1alpha1.User) string {
	if n := meta.GetExternalName(u); n != "" {
		return n
	}

	return accessKeyIDFor(u.GetUID(), 0)
}

// enabled reports whether u's keys should work.
func enabled(u *miniov1alpha1.User) bool {
	return u.Spec.ForProvider.Enabled == nil || *u.Spec.ForProvider.Enabled
}

// userAdmin is what this file and observe.go need of an administration client.
type userAdmin interface {
	GetUserInfo(ctx context.Context, accessKey string) (madmin.UserInfo, error)
	SetUserStatus(ctx context.Context, accessKey string, status madmin.AccountStatus) error
	RemoveUser(ctx context.Context, accessKey string) error
}

// external manages the users of one server. The runtime connects anew for each reconcile,
// so an external serves one reconcile of one User.
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

// Create stores the key in the connection Secret, creates the user, which has no rights
// yet, writes the policy and attaches it. Where no user can be created, as with LDAP, no
// policy is left behind. Each step can be repeated, so it does not matter where an earlier
// attempt stopped. A user that was lost on the server gets the key that is stored; during a
// rotation that is the one that clients read, and Update continues the rotation.
func (e *external) Create(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalCreation, error) {
	if _, err := policyDocument(u.Spec.ForProvider, e.policies.inGroups); err != nil {
		return managed.ExternalCreation{}, err
	}

	id, secretKey, err := e.keyToCreate(ctx, u)
	if err != nil {
		return managed.ExternalCreation{}, err
	}

	// The own key of a rotated user was replaced: nobody knows its secret key.
	own := secretKey
	if id != Name(u) {
		own = newSecretKey()
	}

	if err := e.keys.addUser(ctx, u, own); err != nil {
		return managed.ExternalCreation{}, err
	}

	if err := e.policies.write(ctx, u); err != nil {
		return managed.ExternalCreation{}, err
	}

	if err := e.policies.attach(ctx, u); err != nil {
		return managed.ExternalCreation{}, err
	}

	if id != Name(u) {
		if err := e.keys.set(ctx, u, id, secretKey); err != nil {
			return managed.ExternalCreation{}, err
		}
	}

	if !enabled(u) {
		err = e.setStatus(ctx, u, madmin.AccountDisabled)
	}

	return managed.ExternalCreation{}, err
}

// Delete removes the user with all its keys, and then its policy, which the server
// keeps while it is attached to another user or group.
func (e *external) Delete(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalDelete, error) {
	reconciler.SetConditions(u, xpv1.Deleting())

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

func (e *external) setStatus(ctx context.Context, u *miniov1alpha1.User, status madmin.AccountStatus) error {
	err := e.admin.SetUserStatus(ctx, Name(u), status)

	return errors.Wrapf(err, "cannot set the status of user %q to %s", Name(u), status)
}
