package user

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strconv"

	"github.com/minio/madmin-go/v3"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// The lengths of keys on AWS, which some clients insist on.
const (
	accessKeyLength = 20
	secretKeyLength = 40

	// accessKeyPrefix marks the access keys that this provider created.
	accessKeyPrefix = "CSTN"
)

// keyAdmin is what this file needs of an administration client. AddUser,
// AddServiceAccount, UpdateServiceAccount and ListServiceAccounts are by far the most expensive calls of this
// package: their payload or answer is encrypted with a key from a slow KDF.
type keyAdmin interface {
	AddUser(ctx context.Context, accessKey, secretKey string) error
	RevokeTokens(ctx context.Context, opts madmin.RevokeTokensReq) error

	AddServiceAccount(ctx context.Context, opts madmin.AddServiceAccountReq) (madmin.Credentials, error)
	UpdateServiceAccount(ctx context.Context, accessKey string, opts madmin.UpdateServiceAccountReq) error
	ListServiceAccounts(ctx context.Context, user string) (madmin.ListServiceAccountsResp, error)
	DeleteServiceAccount(ctx context.Context, accessKey string) error
}

// keys creates and revokes access keys of users.
type keys struct {
	admin keyAdmin
}

// accessKeyID returns the ID of u's access key of a generation. Generation 0 is the
// user's own key; the key of each later generation is a service account of the user.
func accessKeyID(u *miniov1alpha1.User, generation int64) string {
	if generation == 0 {
		return Name(u)
	}

	return accessKeyIDFor(namesUID(u), generation)
}

// namesUID returns the UID that u's key IDs follow from: the one that is recorded with
// u's name, else u's own. A copy that lost the name of its original must not have the
// original's keys.
func namesUID(u *miniov1alpha1.User) types.UID {
	if recorded := u.GetAnnotations()[reconciler.AnnotationKeyNamesUID]; recorded != "" && meta.GetExternalName(u) != "" {
		return types.UID(recorded)
	}

	return u.GetUID()
}

// recordName records u's name on the server, and the UID that its key IDs follow from. It
// reports whether u has changed and must be stored.
func recordName(u *miniov1alpha1.User) bool {
	uid := string(namesUID(u))
	changed := reconciler.RecordName(u, Name(u)) || u.GetAnnotations()[reconciler.AnnotationKeyNamesUID] != uid
	meta.AddAnnotations(u, map[string]string{reconciler.AnnotationKeyNamesUID: uid})

	return changed
}

// accessKeyIDFor derives the ID of an access key from the UID of its User, so that
// each attempt to create it uses the same ID and no two Users share one. It has 80
// bits of a hash.
func accessKeyIDFor(uid types.UID, generation int64) string {
	seed := string(uid)
	if generation > 0 {
		seed += "/" + strconv.FormatInt(generation, 10)
	}

	sum := sha256.Sum256([]byte(seed))

	return accessKeyPrefix + base32.StdEncoding.EncodeToString(sum[:])[:accessKeyLength-len(accessKeyPrefix)]
}

// newSecretKey returns a new random secret key of 200 bits. It consists of capital
// letters and digits, so that it needs no quoting anywhere.
func newSecretKey() minio.Secret {
	return minio.Secret((rand.Text() + rand.Text())[:secretKeyLength])
}

// addUser creates the user with a secret key, or sets the secret key of a user that
// exists. It also enables the user.
func (k keys) addUser(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) error {
	err := k.admin.AddUser(ctx, Name(u), secretKey.Reveal())
	if minio.IsWithoutUsers(err) {
		err = errors.Wrap(err, "the server takes its users from an LDAP directory and has none of its own: "+
			"use a server without LDAP, or give policies to users of the directory (LDAPUserPolicyAttachment)")
	}

	return errors.Wrapf(err, "cannot set the secret key of user %q", Name(u))
}

// set creates an access key of the user with a secret key, or sets the secret key of one
// that exists. Another secret key of the same ID stops working.
func (k keys) set(ctx context.Context, u *miniov1alpha1.User, id string, secretKey minio.Secret) error {
	if id == Name(u) {
		if err := k.addUser(ctx, u, secretKey); err != nil {
			return err
		}

		return k.revokeTokens(ctx, u)
	}

	err := k.add(ctx, u, id, secretKey)
	if !minio.IsKeyTaken(err) {
		return err
	}

	// The server has the key. Should it have this secret key, too, the key works all the time.
	if k.isPlain(ctx, u, id) {
		err = k.admin.UpdateServiceAccount(ctx, id, madmin.UpdateServiceAccountReq{NewSecretKey: secretKey.Reveal(), NewStatus: "on"})
		if !minio.IsDenied(err) {
			return errors.Wrapf(err, "cannot set the secret key of access key %q", id)
		}
	}

	// The provider's user has the policy of an earlier version, which does not allow that, or
	// the key is not what the provider makes.
	if err := k.remove(ctx, id); err != nil {
		return err
	}

	return k.add(ctx, u, id, secretKey)
}

// isPlain reports whether an access key is known to be one of u's user that does not expire. Another
// secret key changes neither: with the key of another user, tenants would have that user's rights, and
// one that has expired would stay useless.
func (k keys) isPlain(ctx context.Context, u *miniov1alpha1.User, id string) bool {
	all, err := k.admin.ListServiceAccounts(ctx, Name(u))

	return err == nil && slices.ContainsFunc(all.Accounts, func(a madmin.ServiceAccountInfo) bool {
		return a.AccessKey == id && a.ParentUser == Name(u) && (a.Expiration == nil || a.Expiration.Unix() <= 0)
	})
}

// add creates an access key of the user other than its own.
func (k keys) add(ctx context.Context, u *miniov1alpha1.User, id string, secretKey minio.Secret) error {
	_, err := k.admin.AddServiceAccount(ctx, madmin.AddServiceAccountReq{
		TargetUser: Name(u), AccessKey: id, SecretKey: secretKey.Reveal(),
	})

	return errors.Wrapf(err, "cannot create the access key %q of user %q", id, Name(u))
}

// revoke makes retiring keys useless.
func (k keys) revoke(ctx context.Context, u *miniov1alpha1.User, ids []string) error {
	for _, id := range ids {
		if err := k.revokeOne(ctx, u, id); err != nil {
			return err
		}
	}

	return nil
}

func (k keys) revokeOne(ctx context.Context, u *miniov1alpha1.User, id string) error {
	if id != Name(u) {
		return k.removeSurely(ctx, id)
	}

	// The user's own key cannot be removed. It gets a secret key that is not stored
	// anywhere.
	if err := k.addUser(ctx, u, newSecretKey()); err != nil {
		return err
	}

	return k.revokeTokens(ctx, u)
}

// removeSurely removes an access key that must not work any more. That the server does not have it
// is not believed at the first answer: nothing would remove it later.
func (k keys) removeSurely(ctx context.Context, id string) error {
	err := k.admin.DeleteServiceAccount(ctx, id)
	if minio.IsNotFound(err) {
		return k.remove(ctx, id)
	}

	return errors.Wrapf(err, "cannot remove access key %q", id)
}

// remove removes an access key other than a user's own. It is no error if the server does not have
// the key.
func (k keys) remove(ctx context.Context, id string) error {
	err := resource.Ignore(minio.IsNotFound, k.admin.DeleteServiceAccount(ctx, id))

	return errors.Wrapf(err, "cannot remove access key %q", id)
}

// revokeTokens ends the temporary credentials that were requested with the user's own
// key. They outlive a change of its secret key, and no policy can deny requesting
// them. The keys of later generations cannot request any.
func (k keys) revokeTokens(ctx context.Context, u *miniov1alpha1.User) error {
	err := k.admin.RevokeTokens(ctx, madmin.RevokeTokensReq{User: Name(u), FullRevoke: true})

	return errors.Wrapf(err, "cannot revoke the temporary credentials of user %q", Name(u))
}
