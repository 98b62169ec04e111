package user

import (
	"bytes"
	"context"
	"maps"

	"github.com/minio/madmin-go/v3"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// observed is what Observe read.
type observed struct {
	exists bool
	info   madmin.UserInfo
	// published is what the connection Secret holds.
	published managed.ConnectionDetails
	// secretKey is the published secret key of the current generation; empty if it is
	// not published.
	secretKey minio.Secret
}

// drift is what differs from the spec, or has to be done now.
type drift struct {
	// policy reports whether the user's own policy differs from the grants.
	policy bool
	// attachments reports whether other policies are attached than should be.
	attachments bool
	// status reports whether the user is enabled and should not be, or the reverse.
	status bool
	// keyLost reports whether the current key was never published, or its
	// publication was lost, or it does not work.
	keyLost bool
	// rotationDue reports whether the next key is due.
	rotationDue bool
	// expiredKeys are the IDs of replaced keys whose overlap has ended.
	expiredKeys []string
}

// none reports whether nothing has to be done.
func (d drift) none() bool {
	return !d.policy && !d.attachments && !d.status && !d.keyLost && !d.rotationDue && len(d.expiredKeys) == 0
}

// Observe makes three plain calls while nothing changes: for the user, for its
// policy, and one with its key.
func (e *external) Observe(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalObservation, error) {
	name := Name(u)

	if name == e.providersUser {
		return managed.ExternalObservation{}, errProviderOwnUser(u)
	}

	info, err := e.admin.GetUserInfo(ctx, name)
	if err != nil && !minio.IsNotFound(err) {
		return managed.ExternalObservation{}, errors.Wrapf(err, "cannot read user %q", name)
	}

	e.observed = observed{exists: err == nil, info: info}
	e.policies.inGroups = len(info.MemberOf) > 0

	if meta.WasDeleted(u) {
		return e.observeDeleted(ctx, u)
	}

	if !e.observed.exists {
		return managed.ExternalObservation{}, nil
	}

	if e.observed.published, err = e.connection.read(ctx, u); err != nil {
		return managed.ExternalObservation{}, err
	}

	restoreGeneration(u, e.observed.published, e.now())
	e.observed.secretKey = currentSecretKey(u, e.observed.published)

	if e.drift, err = e.examine(ctx, u); err != nil {
		return managed.ExternalObservation{}, err
	}

	if e.drift.keyLost {
		if err := e.requireFresh(ctx, u); err != nil {
			return managed.ExternalObservation{}, err
		}
	}

	o := managed.ExternalObservation{
		ResourceExists:          true,
		ResourceUpToDate:        e.drift.none(),
		ResourceLateInitialized: reconciler.RecordName(u, name),
	}

	details := e.publishableDetails(u)

	// The runtime compares published details with these byte by byte, which costs
	// more than the rest of an observation.
	if !maps.EqualFunc(details, e.observed.published, bytes.Equal) {
		o.ConnectionDetails = details
	}

	e.setCondition(u, details)

	return o, nil
}

// observeDeleted reports that a User exists until the server has neither the user
// nor its policy. It does not read the connection Secret, which may already be gone.
func (e *external) observeDeleted(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalObservation, error) {
	if e.observed.exists {
		return managed.ExternalObservation{ResourceExists: true}, nil
	}

	_, exists, err := e.policies.get(ctx, policyName(u))

	return managed.ExternalObservation{ResourceExists: exists}, err
}

// examine returns the drift of a user that exists.
func (e *external) examine(ctx context.Context, u *miniov1alpha1.User) (drift, error) {
	d := drift{status: enabled(u) != (e.observed.info.Status == madmin.AccountEnabled)}

	var err error
	if d.policy, err = e.policies.drifted(ctx, u, e.memories.Of(u)); err != nil {
		return d, err
	}

	// Attachments and keys of a disabled user cannot be changed, because the server
	// denies that it exists. They can wait until it is enabled.
	if !enabled(u) {
		return d, nil
	}

	secretKey := e.observed.secretKey

	d.attachments = attachmentsDrifted(u, e.observed.info.PolicyName)
	d.keyLost = secretKey == "" && publishes(u)
	d.rotationDue = !d.keyLost && due(u, e.now())
	d.expiredKeys = expired(u, e.now())

	// Update verifies the key once the rest is corrected.
	if secretKey == "" || d.policy || d.attachments || d.status {
		return d, nil
	}

	d.keyLost, err = e.keyLost(ctx, u, secretKey)

	return d, err
}

// keyLost reports whether a published key does not work. It uses the key once, or
// verifies it in full if that was not done before.
func (e *external) keyLost(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) (bool, error) {
	var err error

	if e.verified(u, secretKey) {
		err = e.verifier.checkAllowed(ctx, u, secretKey)
	} else {
		err = e.verify(ctx, u, secretKey)
	}

	if minio.IsBadKey(err) {
		return e.verifier.unknownToServer(ctx, u, secretKey, err)
	}

	return false, err
}

// verified reports whether the key was verified with the same connection details
// before, and the User has been Ready since.
func (e *external) verified(u *miniov1alpha1.User, secretKey minio.Secret) bool {
	return e.memories.Of(u).verified == hash(e.connection.details(u, secretKey)) &&
		u.GetCondition(xpv1.TypeReady).Status == corev1.ConditionTrue
}

// requireFresh returns a conflict if u is not the latest version that Kubernetes
// stores. A key that seems lost may only be newer than the cache; replacing it would
// revoke a working key.
func (e *external) requireFresh(ctx context.Context, u *miniov1alpha1.User) error {
	live := &miniov1alpha1.User{}
	if err := e.kube.Live.Get(ctx, client.ObjectKeyFromObject(u), live); err != nil {
		return errors.Wrapf(err, "cannot read User %q", u.GetName())
	}

	if live.GetResourceVersion() != u.GetResourceVersion() {
		users := schema.GroupResource{Group: miniov1alpha1.Group, Resource: "users"}

		return kerrors.NewConflict(users, u.GetName(), errors.New("it has changed since it was read"))
	}

	return nil
}

// publishableDetails returns the connection details of a published key that works;
// nil if none does.
func (e *external) publishableDetails(u *miniov1alpha1.User) managed.ConnectionDetails {
	if e.drift.keyLost {
		return nil
	}

	return e.connection.details(u, e.observed.secretKey)
}

// setCondition sets the condition Ready of an observed user. A user that drifted
// keeps the condition it has, unless no key of it works.
func (e *external) setCondition(u *miniov1alpha1.User, published managed.ConnectionDetails) {
	switch {
	case e.drift.none() && enabled(u):
		e.setReady(u, published)
	case e.drift.none():
		u.SetConditions(disabledCondition())
	case e.drift.keyLost && len(u.Status.AtProvider.RetiringKeys) == 0:
		u.SetConditions(xpv1.Unavailable())
	}
}

// errProviderOwnUser is the observation's error for the user whose key the provider
// itself uses: another key and other policies would lock it out. It is nil if u is
// being deleted: the user is then kept, as if it did not exist.
func errProviderOwnUser(u *miniov1alpha1.User) error {
	if meta.WasDeleted(u) {
		return nil
	}

	return errors.Errorf("user %q cannot be adopted, because the provider configuration itself uses it: "+
		"set the annotation %s to another user, or create a new resource without it", Name(u), meta.AnnotationKeyExternalName)
}
