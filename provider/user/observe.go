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
)

// observed is what Observe read.
type observed struct {
	exists bool
	info   madmin.UserInfo
	// stored is what the connection Secret holds.
	stored stored
	// secretKey is the stored secret key of the current generation; empty if none is
	// stored.
	secretKey minio.Secret
}

// drift is what differs from the spec, or has to be done now.
type drift struct {
	// policy reports whether the user's own policy differs from the grants.
	policy bool
	// attachments reports whether other policies are attached than should be.
	attachments bool
	// enabled reports whether the user is enabled and should not be, or the reverse.
	enabled bool
	// keyMissing reports whether no key of the current generation is stored: the generation
	// is new, or the connection Secret was lost or edited.
	keyMissing bool
	// keyPending reports whether the stored key is pending: clients do not read it yet.
	keyPending bool
	// heldKeyUnknown reports whether the server does not know the key that clients read
	// until the rotation ends.
	heldKeyUnknown bool
	// keyUnknown reports whether the server does not know the stored key.
	keyUnknown bool
	// secret reports whether the connection Secret holds something else than it should.
	secret bool
	// keysUnaccounted reports whether the user may have keys that the status omits, and
	// rotationDue whether the next key is due.
	keysUnaccounted, rotationDue bool
	// expiredKeys are the IDs of retiring keys whose overlap has ended.
	expiredKeys []string
}

// none reports whether nothing has to be done.
func (d drift) none() bool {
	return !d.policy && !d.attachments && !d.enabled && !d.keyMissing && !d.keyPending && !d.keyUnknown && !d.secret &&
		!d.keysUnaccounted && !d.rotationDue && len(d.expiredKeys) == 0
}

// Observe makes three plain calls while nothing changes: for the user, for its
// policy, and one with its key.
func (e *external) Observe(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalObservation, error) {
	name := Name(u)
	e.memories.Of(u).begin(nextDue(u, e.now()), e.now())

	if name == e.providersUser {
		return managed.ExternalObservation{}, errProviderOwnUser(u)
	}

	info, exists, err := e.get(ctx, u)
	if err != nil {
		return managed.ExternalObservation{}, err
	}

	e.observed = observed{exists: exists, info: info}
	e.policies.inGroups = len(info.MemberOf) > 0

	if meta.WasDeleted(u) {
		return e.observeDeleted(ctx, u)
	}

	if !e.observed.exists {
		return managed.ExternalObservation{}, nil
	}

	if err := e.readKey(ctx, u); err != nil {
		return managed.ExternalObservation{}, err
	}

	if e.drift, err = e.examine(ctx, u); err != nil {
		return managed.ExternalObservation{}, err
	}

	if e.drift.keyMissing {
		if err := e.requireFresh(ctx, u); err != nil {
			return managed.ExternalObservation{}, err
		}
	}

	e.setCondition(u)

	// Connection details are written by Update, not by the runtime.
	return managed.ExternalObservation{
		ResourceExists:          true,
		ResourceUpToDate:        e.drift.none(),
		ResourceLateInitialized: recordName(u),
	}, nil
}

// get returns the user, and whether it exists. That a user is gone that had existed is
// not believed at the first answer.
func (e *external) get(ctx context.Context, u *miniov1alpha1.User) (madmin.UserInfo, bool, error) {
	info, err := e.admin.GetUserInfo(ctx, Name(u))
	if minio.IsNotFound(err) && meta.GetExternalName(u) != "" {
		info, err = e.admin.GetUserInfo(ctx, Name(u))
	}

	if minio.IsNotFound(err) {
		return info, false, nil
	}

	return info, err == nil, errors.Wrapf(err, "cannot read user %q", Name(u))
}

// readKey reads the stored key.
func (e *external) readKey(ctx context.Context, u *miniov1alpha1.User) (err error) {
	if e.observed.stored, err = e.connection.read(ctx, u); err != nil {
		return err
	}

	restoreGeneration(u, e.observed.stored, e.now())
	e.observed.secretKey, _ = e.observed.stored.key(u)

	return nil
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
	d := drift{enabled: enabled(u) != (e.observed.info.Status == madmin.AccountEnabled)}

	var err error
	if d.policy, err = e.policies.drifted(ctx, u, e.memories.Of(u)); err != nil {
		return d, err
	}

	// Attachments and keys of a disabled user cannot be changed, because the server
	// denies that it exists. They can wait until it is enabled.
	if !enabled(u) {
		return d, nil
	}

	d.attachments, d.keysUnaccounted = attachmentsDrifted(u, e.observed.info.PolicyName), keysUnaccounted(u)

	if !publishes(u) {
		d.expiredKeys = expired(u, e.now())

		return d, nil
	}

	secretKey, current := e.observed.stored.key(u)
	d.keyMissing, d.keyPending = secretKey == "", secretKey != "" && !current

	if !current {
		if id, held := e.observed.stored.held(u); held != "" && !d.policy && !d.attachments && !d.enabled {
			d.heldKeyUnknown = e.verifier.unknown(ctx, u, id, held)
		}

		return d, nil
	}

	d.secret = e.secretDrifted(u, secretKey)

	// Update verifies the key once the rest is corrected.
	if !d.policy && !d.attachments && !d.enabled {
		known, err := e.known(ctx, u, secretKey)
		if err != nil || !known {
			// A key that was edited is replaced, one that was not is set again.
			d.keyMissing, d.keyUnknown = !e.keyIntact(u, secretKey), e.keyIntact(u, secretKey)

			return d, err
		}
	}

	d.rotationDue, d.expiredKeys = due(u, e.now()), expired(u, e.now())

	return d, nil
}

// secretDrifted reports whether the connection Secret holds something else than it
// should. An immutable one may lack shapes that a later version added: to delete it for
// them would replace a key that works.
func (e *external) secretDrifted(u *miniov1alpha1.User, secretKey minio.Secret) bool {
	want, s := e.connection.details(u, secretKey), e.observed.stored
	if immutable(s.secret) && s.unedited(u) && s.within(want) {
		return false
	}

	return !maps.EqualFunc(want, s.data(), bytes.Equal)
}

// keyIntact reports whether the stored secret key is the one that was published last,
// whatever else of the connection Secret was edited.
func (e *external) keyIntact(u *miniov1alpha1.User, secretKey minio.Secret) bool {
	return e.observed.stored.unedited(u) || u.Status.AtProvider.PublishedHash == hash(e.connection.details(u, secretKey))
}

// known reports whether the server knows a stored key. It uses the key once, or
// verifies it in full if that was not done before. That the server does not know the
// key is not believed at the first answer.
func (e *external) known(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) (bool, error) {
	err := e.use(ctx, u, secretKey)
	if minio.IsBadKey(err) {
		err = e.use(ctx, u, secretKey)
	}

	if minio.IsBadKey(err) {
		unknown, err := e.verifier.unknownToServer(ctx, u, secretKey, err)

		return !unknown, err
	}

	return err == nil, err
}

func (e *external) use(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) error {
	if e.verified(u, secretKey) {
		return e.verifier.checkAllowed(ctx, u, secretKey)
	}

	return e.verify(ctx, u, secretKey)
}

// verified reports whether the key was verified with the same connection details
// before, and the User has been Ready since.
func (e *external) verified(u *miniov1alpha1.User, secretKey minio.Secret) bool {
	return e.memories.Of(u).verified == hash(e.connection.details(u, secretKey)) &&
		u.GetCondition(xpv1.TypeReady).Status == corev1.ConditionTrue
}

// requireFresh returns a conflict if u is not the latest version that Kubernetes
// stores. A key that seems to be missing may only be newer than the cache; replacing it
// would revoke a working key.
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
