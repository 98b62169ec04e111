package user

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strconv"

	"github.com/minio/madmin-go/v3"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// Lengths that AWS gives its keys, which some clients insist on.
const (
	accessKeyLength = 20
	secretKeyLength = 40

	// accessKeyPrefix tells at a glance whose keys these are.
	accessKeyPrefix = "CSTN"
)

// Name returns u's name on the server, which is the ID of its first access key.
func Name(u *miniov1alpha1.User) string {
	if n := meta.GetExternalName(u); n != "" {
		return n
	}

	return accessKeyFor(u.GetUID(), 0)
}

// accessKey returns the ID of u's access key of a generation. Generation 0 is the
// user's own.
func accessKey(u *miniov1alpha1.User, generation int64) string {
	if generation == 0 {
		return Name(u)
	}

	return accessKeyFor(u.GetUID(), generation)
}

// accessKeyFor derives the ID of an access key from the UID of its resource, so
// that it is the same at each try and no two users share one: 80 bits of a hash.
func accessKeyFor(uid types.UID, generation int64) string {
	seed := string(uid)
	if generation > 0 {
		seed += "/" + strconv.FormatInt(generation, 10)
	}

	sum := sha256.Sum256([]byte(seed))

	return accessKeyPrefix + base32.StdEncoding.EncodeToString(sum[:])[:accessKeyLength-len(accessKeyPrefix)]
}

// newSecretKey returns a new random secret key of 200 bits. It holds capital
// letters and digits only, so that it needs no quoting anywhere.
func newSecretKey() minio.Secret {
	return minio.Secret((rand.Text() + rand.Text())[:secretKeyLength])
}

// addUser makes the user with a new secret key, or gives it one if it exists,
// and returns that key. It also enables the user.
func (e *external) addUser(ctx context.Context, u *miniov1alpha1.User) (minio.Secret, error) {
	secretKey := newSecretKey()
	err := e.admin.AddUser(ctx, Name(u), secretKey.Reveal())

	return secretKey, errors.Wrapf(err, "cannot give user %q a key", Name(u))
}

// makeKey makes the access key of the current generation, or replaces its secret,
// and returns the secret. Whatever worked under its ID no longer does.
func (e *external) makeKey(ctx context.Context, u *miniov1alpha1.User) (minio.Secret, error) {
	if u.Status.AtProvider.Generation == 0 {
		secretKey, err := e.addUser(ctx, u)
		if err != nil {
			return "", err
		}

		return secretKey, e.revokeTokens(ctx, u)
	}

	id := accessKey(u, u.Status.AtProvider.Generation)
	if err := e.removeKey(ctx, id); err != nil {
		return "", err
	}

	secretKey := newSecretKey()
	_, err := e.admin.AddServiceAccount(ctx, madmin.AddServiceAccountReq{
		TargetUser: Name(u), AccessKey: id, SecretKey: secretKey.Reveal(),
	})

	return secretKey, errors.Wrapf(err, "cannot give user %q the access key %q", Name(u), id)
}

// retire makes keys of earlier generations useless.
func (e *external) retire(ctx context.Context, u *miniov1alpha1.User, ids []string) error {
	for _, id := range ids {
		if err := e.retireKey(ctx, u, id); err != nil {
			return err
		}
	}

	forgetKeys(u, ids)

	return nil
}

func (e *external) retireKey(ctx context.Context, u *miniov1alpha1.User, id string) error {
	if id != Name(u) {
		return e.removeKey(ctx, id)
	}

	// The user's own key cannot be removed, but nobody need know it.
	if _, err := e.addUser(ctx, u); err != nil {
		return err
	}

	return e.revokeTokens(ctx, u)
}

// removeKey removes an access key that is not a user's own.
func (e *external) removeKey(ctx context.Context, id string) error {
	err := resource.Ignore(minio.IsNotFound, e.admin.DeleteServiceAccount(ctx, id))

	return errors.Wrapf(err, "cannot remove access key %q", id)
}

// revokeTokens ends the temporary credentials that were drawn from the user's own
// key. They outlive a change of its secret, and no policy can forbid to draw
// them; later keys cannot draw any.
func (e *external) revokeTokens(ctx context.Context, u *miniov1alpha1.User) error {
	err := e.admin.RevokeTokens(ctx, madmin.RevokeTokensReq{User: Name(u), FullRevoke: true})

	return errors.Wrapf(err, "cannot revoke the temporary credentials of user %q", Name(u))
}
