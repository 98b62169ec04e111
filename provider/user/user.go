// Package user drives the users of a MinIO server.
package user

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/minio/madmin-go/v3"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/controller"
	"github.com/cistern-dev/cistern/provider/minio"
	canned "github.com/cistern-dev/cistern/provider/policy"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// Kind of User.
func Kind() controller.Kind[*miniov1alpha1.User] {
	proofs := newProofs()

	return controller.Kind[*miniov1alpha1.User]{
		GVK:    miniov1alpha1.UserKind,
		Object: &miniov1alpha1.User{},
		List:   &miniov1alpha1.UserList{},

		PublishesSecret: true,
		Client: func(kube controller.Kube, srv *minio.Server) managed.TypedExternalClient[*miniov1alpha1.User] {
			return &external{
				kube: kube, admin: srv.Admin, locate: srv.Locate, proofs: proofs, now: time.Now,
				own: srv.AccessKey, inside: srv.Endpoint, endpoint: srv.PublicEndpoint, region: srv.Region,
			}
		},
		Next: next,
		// Policy and key take turns.
		PollInterval: func(drift time.Duration) time.Duration { return drift / 2 },
	}
}

// admin is what is needed of an administration client. AddUser and
// AddServiceAccount are by far the dearest calls: what they send, or are
// answered, is encrypted with a key derived by force.
type admin interface {
	userAdmin
	policyAdmin
}

type userAdmin interface {
	AddUser(ctx context.Context, accessKey, secretKey string) error
	GetUserInfo(ctx context.Context, accessKey string) (madmin.UserInfo, error)
	SetUserStatus(ctx context.Context, accessKey string, status madmin.AccountStatus) error
	RemoveUser(ctx context.Context, accessKey string) error
	RevokeTokens(ctx context.Context, opts madmin.RevokeTokensReq) error

	AddServiceAccount(ctx context.Context, opts madmin.AddServiceAccountReq) (madmin.Credentials, error)
	DeleteServiceAccount(ctx context.Context, accessKey string) error
}

type policyAdmin interface {
	canned.Entities

	AddCannedPolicy(ctx context.Context, name string, document []byte) error
	InfoCannedPolicyV2(ctx context.Context, name string) (*madmin.PolicyInfo, error)
	SetPolicy(ctx context.Context, names, entity string, isGroup bool) error
	RemoveCannedPolicy(ctx context.Context, name string) error
}

// external drives one server's users.
type external struct {
	kube   controller.Kube
	admin  admin
	locate func(ctx context.Context, endpoint, accessKey string, secretKey minio.Secret, bucket string) error
	proofs *proofs
	now    func() time.Time

	// own is the access key that the provider itself uses.
	own string
	// inside is where the provider reaches the server, endpoint where its users
	// do.
	inside, endpoint string
	region           string

	// found is what Observe found, for Update. A client lives for one reconcile.
	found findings
}

// findings are what a user is like, and what is amiss with it.
type findings struct {
	exists bool
	info   madmin.UserInfo

	// document says that the user's policy is not what the grants say.
	document bool
	// attached says that the user holds other policies than it should.
	attached bool
	// status says that the user is enabled and should not be, or is not and
	// should.
	status bool
	// key says that nobody knows the current key: it was never made or published,
	// or does not work.
	key bool
	// due says that the next key is due.
	due bool
	// expired are the keys whose time is over.
	expired []string

	// published is what the connection Secret holds.
	published managed.ConnectionDetails
	// secretKey of the current key, as published.
	secretKey minio.Secret
}

func (f findings) inOrder() bool {
	return !f.document && !f.attached && !f.status && !f.key && !f.due && len(f.expired) == 0
}

// Observe costs two plain calls while nothing changes: one for the user, and one
// that is for its policy and for its key in turns.
func (e *external) Observe(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalObservation, error) {
	name := Name(u)

	if name == e.own {
		return managed.ExternalObservation{}, notAdoptable(u)
	}

	info, err := e.admin.GetUserInfo(ctx, name)
	e.found = findings{exists: !minio.IsNotFound(err), info: info}

	if err != nil && e.found.exists {
		return managed.ExternalObservation{}, errors.Wrapf(err, "cannot look at user %q", name)
	}

	if meta.WasDeleted(u) {
		// The connection Secret may be gone, and does not matter any more. What
		// matters is that the policy goes too.
		exists, err := e.found.exists, error(nil)
		if !exists {
			_, exists, err = e.policy(ctx, policyName(u))
		}

		return managed.ExternalObservation{ResourceExists: exists}, err
	}

	if !e.found.exists {
		return managed.ExternalObservation{}, nil
	}

	if err := e.examine(ctx, u); err != nil {
		return managed.ExternalObservation{}, err
	}

	if e.found.key {
		if err := e.isCurrent(ctx, u); err != nil {
			return managed.ExternalObservation{}, err
		}
	}

	o := managed.ExternalObservation{
		ResourceExists:          true,
		ResourceUpToDate:        e.found.inOrder(),
		ResourceLateInitialized: reconciler.RecordName(u, name),
	}

	details := e.working(u)

	// The runtime compares what it is to publish with what is published byte by byte,
	// at more than all else in a look together costs.
	if !maps.EqualFunc(details, e.found.published, bytes.Equal) {
		o.ConnectionDetails = details
	}

	if o.ResourceUpToDate {
		e.setAvailable(u, details)
	} else if e.found.key && len(u.Status.AtProvider.RetiringKeys) == 0 {
		u.SetConditions(xpv1.Unavailable())
	}

	return o, nil
}

// working returns the connection details of a published key that works; nothing if
// none does.
func (e *external) working(u *miniov1alpha1.User) managed.ConnectionDetails {
	if e.found.secretKey == "" || e.found.key {
		return nil
	}

	return e.details(u, e.found.secretKey)
}

// notAdoptable is the observation's error for the user that the provider itself is:
// another key and other policies would lock it out. It is nil if u is being
// deleted, to whom it is as if it did not exist.
func notAdoptable(u *miniov1alpha1.User) error {
	if meta.WasDeleted(u) {
		return nil
	}

	return errors.Errorf("user %q is the one that the provider configuration itself uses, which cannot be adopted: set the annotation %s to another user, or make a new resource without it",
		Name(u), meta.AnnotationKeyExternalName)
}

// examine finds out what is amiss with a user that exists.
func (e *external) examine(ctx context.Context, u *miniov1alpha1.User) error {
	f := &e.found
	f.status = enabled(u) != (f.info.Status == madmin.AccountEnabled)

	secretKey, err := e.published(ctx, u)
	if err != nil {
		return err
	}

	f.secretKey = secretKey

	look := e.proofs.turn(u)

	if look.policy || !enabled(u) {
		if f.document, err = e.documentDiffers(ctx, u); err != nil {
			return err
		}
	}

	// Of a user that is not enabled the server denies that it exists when its
	// policies or keys are to be changed; both can wait until it is.
	if !enabled(u) {
		return nil
	}

	f.attached = !sameNames(attachments(u), f.info.PolicyName)
	f.key = secretKey == "" && publishes(u)
	f.due = !f.key && due(u, e.now())
	f.expired = expired(u, e.now())

	if secretKey == "" || f.document || f.attached || f.status {
		return nil
	}

	switch {
	case e.proofs.lacking(u, hash(e.details(u, secretKey))):
		err = e.prove(ctx, u, secretKey)
	case look.key:
		err = e.proveAllowed(ctx, u, secretKey)
	}

	if minio.IsBadKey(err) {
		f.key, err = e.keyIsDead(ctx, u, secretKey, err)
	}

	return err
}

// isCurrent returns a conflict if u is not the latest that Kubernetes knows. A
// key that seems lost may only be later than a cache: replacing it would end one
// that works.
func (e *external) isCurrent(ctx context.Context, u *miniov1alpha1.User) error {
	live := &miniov1alpha1.User{}
	if err := e.kube.Live.Get(ctx, client.ObjectKeyFromObject(u), live); err != nil {
		return errors.Wrapf(err, "cannot read User %q", u.GetName())
	}

	if live.GetResourceVersion() != u.GetResourceVersion() {
		return kerrors.NewConflict(schema.GroupResource{Group: miniov1alpha1.Group, Resource: "users"}, u.GetName(), errors.New("it has changed since"))
	}

	return nil
}

// Create writes the policy, makes the user, which may do nothing yet, and gives
// it the policy. Each step may be repeated, so it does not matter where an
// earlier try ended.
func (e *external) Create(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalCreation, error) {
	if err := e.writePolicy(ctx, u); err != nil {
		return managed.ExternalCreation{}, err
	}

	secretKey, err := e.addUser(ctx, u)
	if err != nil {
		return managed.ExternalCreation{}, err
	}

	meta.SetExternalName(u, Name(u))

	if err := e.attach(ctx, u); err != nil {
		return managed.ExternalCreation{}, err
	}

	// A user that was rotated and then lost on the server gets its later key back.
	if u.Status.AtProvider.Generation > 0 {
		if secretKey, err = e.makeKey(ctx, u); err != nil {
			return managed.ExternalCreation{}, err
		}
	}

	if !enabled(u) {
		err = e.setStatus(ctx, u, madmin.AccountDisabled)
	}

	return managed.ExternalCreation{ConnectionDetails: e.details(u, secretKey)}, err
}

// Update mends what Observe found amiss, and nothing else. The next look may be
// a poll away, so Update says itself that the user is in order again.
func (e *external) Update(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalUpdate, error) {
	f := &e.found
	if !f.exists {
		return managed.ExternalUpdate{}, reconciler.NotCreatable("user", Name(u))
	}

	if f.document {
		if err := e.writePolicy(ctx, u); err != nil {
			return managed.ExternalUpdate{}, err
		}
	}

	if !enabled(u) {
		return managed.ExternalUpdate{}, e.disable(ctx, u)
	}

	if err := e.mend(ctx, u); err != nil {
		return managed.ExternalUpdate{}, err
	}

	var details managed.ConnectionDetails
	if f.secretKey != "" {
		details = e.details(u, f.secretKey)
	}

	e.setAvailable(u, details)

	if f.due {
		// That a key is due is stored first, and the key made in the reconcile
		// that follows: however that ends, it is the same key at the next try.
		rotate(u, e.now())
	}

	return managed.ExternalUpdate{ConnectionDetails: details}, nil
}

// mend puts a user that should be enabled in order. The user is enabled before it
// gets its policies: the server denies that a disabled one exists. A key is
// proven before it is handed out.
func (e *external) mend(ctx context.Context, u *miniov1alpha1.User) error {
	f := &e.found

	if f.status {
		if err := e.setStatus(ctx, u, madmin.AccountEnabled); err != nil {
			return err
		}
	}

	if f.attached {
		if err := e.attach(ctx, u); err != nil {
			return err
		}
	}

	if err := e.retire(ctx, u, f.expired); err != nil {
		return err
	}

	if f.key {
		secretKey, err := e.makeKey(ctx, u)
		if err != nil {
			return err
		}

		f.secretKey = secretKey
	}

	if f.secretKey == "" {
		return nil
	}

	return e.prove(ctx, u, f.secretKey)
}

// disable keeps a user out.
func (e *external) disable(ctx context.Context, u *miniov1alpha1.User) error {
	if e.found.status {
		if err := e.setStatus(ctx, u, madmin.AccountDisabled); err != nil {
			return err
		}
	}

	e.setAvailable(u, nil)

	return nil
}

// Delete removes the user with all its keys, and then its policy, which the
// server keeps as long as somebody holds it.
func (e *external) Delete(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalDelete, error) {
	u.SetConditions(xpv1.Deleting())

	if err := e.waitForBuckets(ctx, u); err != nil {
		return managed.ExternalDelete{}, err
	}

	if err := e.admin.RemoveUser(ctx, Name(u)); resource.Ignore(minio.IsNotFound, err) != nil {
		return managed.ExternalDelete{}, errors.Wrapf(err, "cannot remove user %q", Name(u))
	}

	e.proofs.forget(u)

	name := policyName(u)

	err := e.admin.RemoveCannedPolicy(ctx, name)
	if minio.IsPolicyInUse(err) {
		return managed.ExternalDelete{}, errors.Errorf("policy %q, which is this user's own, is held by %s: take it from them, and it goes too", name, canned.AttachedTo(ctx, e.kube, e.admin, name))
	}

	return managed.ExternalDelete{}, errors.Wrapf(resource.Ignore(minio.IsNotFound, err), "cannot remove policy %q", name)
}

// Disconnect does nothing: the client is shared.
func (e *external) Disconnect(context.Context) error { return nil }

// setAvailable says that the user is there and in order, and which details of
// it are published.
func (e *external) setAvailable(u *miniov1alpha1.User, published managed.ConnectionDetails) {
	if !enabled(u) {
		c := xpv1.Unavailable().WithMessage("the user is disabled, as spec.forProvider.enabled asks")
		c.Reason = miniov1alpha1.ReasonDisabled
		u.SetConditions(c)

		return
	}

	e.recordKey(u, published)
	u.SetConditions(xpv1.Available())
}

// enabled says whether the user should be let in.
func enabled(u *miniov1alpha1.User) bool {
	return u.Spec.ForProvider.Enabled == nil || *u.Spec.ForProvider.Enabled
}

func (e *external) setStatus(ctx context.Context, u *miniov1alpha1.User, status madmin.AccountStatus) error {
	err := e.admin.SetUserStatus(ctx, Name(u), status)

	return errors.Wrapf(err, "cannot set user %q %s", Name(u), status)
}

// attachments returns the names of the policies that the user should hold.
func attachments(u *miniov1alpha1.User) []string {
	names := []string{policyName(u)}
	for _, p := range u.Spec.ForProvider.Policies {
		if !slices.Contains(names, p.PolicyName) {
			names = append(names, p.PolicyName)
		}
	}

	return names
}

// sameNames says whether a list as the server writes it holds these names and no
// others.
func sameNames(names []string, list string) bool {
	return slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(strings.SplitSeq(list, ",")))
}

// attach gives the user its policies, and takes every other.
func (e *external) attach(ctx context.Context, u *miniov1alpha1.User) error {
	names := strings.Join(attachments(u), ",")

	err := e.admin.SetPolicy(ctx, names, Name(u), false)
	if minio.IsNoSuchPolicy(err) {
		// The answer does not tell which.
		missing, err := e.missing(ctx, u)
		if err != nil {
			return err
		}

		if len(missing) > 0 {
			return errors.Errorf("cannot give user %q the policies %s, which do not exist: make them, or take them out of spec.forProvider.policies", Name(u), strings.Join(missing, ", "))
		}
	}

	return errors.Wrapf(err, "cannot give user %q the policies %s", Name(u), names)
}

// missing returns the names of the policies beside the user's own that it should
// hold and that do not exist.
func (e *external) missing(ctx context.Context, u *miniov1alpha1.User) ([]string, error) {
	var names []string

	for _, name := range attachments(u)[1:] {
		_, exists, err := e.policy(ctx, name)
		if err != nil {
			return nil, err
		}

		if !exists {
			names = append(names, name)
		}
	}

	return names, nil
}

// policyName returns the name of u's own policy. It follows from the UID even
// where the user's own name was set by hand: a policy of such a name may be
// somebody else's.
func policyName(u *miniov1alpha1.User) string { return accessKeyFor(u.GetUID(), 0) }

// writePolicy writes the user's own policy.
func (e *external) writePolicy(ctx context.Context, u *miniov1alpha1.User) error {
	p, err := newPolicy(u.Spec.ForProvider.Grants)
	if err != nil {
		return err
	}

	document, err := p.document()
	if err != nil {
		return err
	}

	return errors.Wrapf(e.admin.AddCannedPolicy(ctx, policyName(u), document), "cannot write policy %q", policyName(u))
}

// documentDiffers says whether the user's own policy is missing or says something
// else than the grants say.
func (e *external) documentDiffers(ctx context.Context, u *miniov1alpha1.User) (bool, error) {
	p, err := newPolicy(u.Spec.ForProvider.Grants)
	if err != nil {
		return false, err
	}

	want, err := p.document()
	if err != nil {
		return false, err
	}

	got, exists, err := e.policy(ctx, policyName(u))

	return !exists || !e.proofs.samePolicy(u, want, got), err
}

// policy returns a policy's document, and whether the policy exists.
func (e *external) policy(ctx context.Context, name string) (document []byte, exists bool, err error) {
	p, err := e.admin.InfoCannedPolicyV2(ctx, name)
	if minio.IsNotFound(err) {
		return nil, false, nil
	}

	if err != nil {
		return nil, false, errors.Wrapf(err, "cannot look at policy %q", name)
	}

	return p.Policy, true, nil
}
