package user

import (
	"context"
	"strings"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// verifier calls a server with a user's own key, as the user's clients do.
type verifier struct {
	// locate asks for the location of a bucket.
	locate func(ctx context.Context, endpoint, accessKey string, secretKey minio.Secret, bucket string) error

	// endpoint is the URL at which clients of the user reach the server,
	// internalEndpoint the one at which the provider does.
	endpoint, internalEndpoint string
}

// verify returns an error, and sets the condition Ready, unless the key of the current
// generation allows what the grants allow and nothing else. It makes two plain calls.
// A user that is in groups may hold policies of theirs.
func (v verifier) verify(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret, inGroups bool) error {
	err := v.checkAllowed(ctx, u, secretKey)
	if err == nil {
		err = v.checkDenied(ctx, u, secretKey, inGroups)
	}

	if err != nil && !errors.Is(err, minio.ErrUnanswered) {
		c := xpv1.Unavailable().WithMessage("the published key could not be verified")
		c.Reason = miniov1alpha1.ReasonUnproven
		reconciler.SetConditions(u, c)
	}

	return err
}

// checkAllowed asks for the location of the first granted bucket, which every kind of
// access allows. That bucket need not exist yet. Without a grant it is enough that
// the server knows the key.
func (v verifier) checkAllowed(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) error {
	grants := u.Spec.ForProvider.Grants
	bucket := notGranted(u)

	if len(grants) > 0 {
		bucket = grants[0].BucketName
	}

	err := resource.Ignore(minio.IsNotFound, v.call(ctx, u, v.endpoint, secretKey, bucket))
	if len(grants) == 0 {
		err = resource.Ignore(minio.IsDenied, err)
	}

	return errors.Wrapf(err, "cannot use the key of user %q at %s", Name(u), v.endpoint)
}

// checkDenied asks for a bucket that is not granted. Other policies of the user or
// its groups may allow this call; without any, the server must deny it.
func (v verifier) checkDenied(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret, inGroups bool) error {
	err := v.call(ctx, u, v.endpoint, secretKey, notGranted(u))

	switch {
	case minio.IsDenied(err):
		return nil
	case len(u.Spec.ForProvider.Policies) > 0 || inGroups:
		err = resource.Ignore(minio.IsNotFound, err)
	case err == nil || minio.IsNotFound(err):
		return errors.Errorf("user %q is allowed at %s what no grant allows: check whether a proxy there signs requests with a key of its own",
			Name(u), v.endpoint)
	}

	return errors.Wrapf(err, "cannot use the key of user %q at %s", Name(u), v.endpoint)
}

// unknownToServer reports whether the server itself does not know a key that was
// rejected at the public endpoint. If it does, the endpoint leads elsewhere: a new key
// would be rejected there too, and the error says what to correct.
func (v verifier) unknownToServer(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret, rejection error) (bool, error) {
	if v.internalEndpoint == v.endpoint || minio.IsBadKey(v.call(ctx, u, v.internalEndpoint, secretKey, notGranted(u))) {
		return true, nil
	}

	return false, errors.Wrapf(rejection,
		"endpoint %s does not lead to the server at %s: correct publicEndpoint of the provider configuration",
		v.endpoint, v.internalEndpoint)
}

// unknown reports whether the server does not know an access key. One such answer is not
// believed: it asks at both endpoints. Any other answer counts as that the key is known.
func (v verifier) unknown(ctx context.Context, u *miniov1alpha1.User, id string, secretKey minio.Secret) bool {
	for _, endpoint := range []string{v.endpoint, v.internalEndpoint} {
		if !minio.IsBadKey(v.locate(ctx, endpoint, id, secretKey, notGranted(u))) {
			return false
		}
	}

	return true
}

func (v verifier) call(ctx context.Context, u *miniov1alpha1.User, endpoint string, secretKey minio.Secret, bucket string) error {
	return v.locate(ctx, endpoint, accessKeyID(u, u.Status.AtProvider.Generation), secretKey, bucket)
}

// notGranted returns the name of a bucket that is not granted to u. It is derived
// from u's UID, so that no bucket has it by chance.
func notGranted(u *miniov1alpha1.User) string {
	return "not-granted-to-" + strings.ToLower(accessKeyIDFor(u.GetUID(), 0))
}
