// Package user drives the users of a MinIO server.
package user

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/minio/madmin-go/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/kind"
	"github.com/cistern-dev/cistern/provider/minio"
)

// Kind of User.
func Kind() kind.Kind[*v1alpha1.User] {
	return kind.Kind[*v1alpha1.User]{
		GVK:    v1alpha1.UserKind,
		Object: &v1alpha1.User{},
		List:   &v1alpha1.UserList{},

		PublishesSecret: true,
		Client: func(kube client.Client, srv *minio.Server) managed.TypedExternalClient[*v1alpha1.User] {
			return &external{kube: kube, admin: srv.Admin, endpoint: srv.PublicEndpoint, region: srv.Region}
		},
	}
}

// admin is what is needed of an administration client. AddUser is by far the
// dearest call: its request is encrypted with a key derived by force.
type admin interface {
	AddUser(ctx context.Context, accessKey, secretKey string) error
	GetUserInfo(ctx context.Context, accessKey string) (madmin.UserInfo, error)
	SetUserStatus(ctx context.Context, accessKey string, status madmin.AccountStatus) error
	RemoveUser(ctx context.Context, accessKey string) error

	AddCannedPolicy(ctx context.Context, name string, document []byte) error
	InfoCannedPolicyV2(ctx context.Context, name string) (*madmin.PolicyInfo, error)
	SetPolicy(ctx context.Context, name, entity string, isGroup bool) error
	RemoveCannedPolicy(ctx context.Context, name string) error
}

// external drives one server's users.
type external struct {
	kube     client.Reader
	admin    admin
	endpoint string
	region   string
}

// AccessKey returns the ID of u's access key, which is u's name on the server.
func AccessKey(u *v1alpha1.User) string {
	if n := meta.GetExternalName(u); n != "" {
		return n
	}

	return accessKeyFor(u.GetUID())
}

// Observe costs two plain calls: one for the user, one for its policy.
func (e *external) Observe(ctx context.Context, u *v1alpha1.User) (managed.ExternalObservation, error) {
	key := AccessKey(u)

	info, err := e.admin.GetUserInfo(ctx, key)
	exists := !minio.IsNotFound(err)

	if err != nil && exists {
		return managed.ExternalObservation{}, errors.Wrapf(err, "cannot look at user %q", key)
	}

	if meta.WasDeleted(u) {
		// The connection Secret may be gone, and does not matter any more. What
		// matters is that the policy goes too.
		if !exists {
			_, exists, err = e.policy(ctx, policyName(u))
		}

		return managed.ExternalObservation{ResourceExists: exists}, err
	}

	if !exists {
		return managed.ExternalObservation{}, nil
	}

	secretKey, err := e.publishedKey(ctx, u)
	if err != nil {
		return managed.ExternalObservation{}, err
	}

	permitted, err := e.permitted(ctx, u, info)
	if err != nil {
		return managed.ExternalObservation{}, err
	}

	lost := secretKey == "" && u.GetWriteConnectionSecretToReference() != nil

	o := managed.ExternalObservation{
		ResourceExists:   true,
		ResourceUpToDate: permitted && !lost && info.Status == madmin.AccountEnabled,
	}

	if secretKey != "" {
		o.ConnectionDetails = e.connectionDetails(u, secretKey)
	}

	if o.ResourceUpToDate {
		setAvailable(u, o.ConnectionDetails)
	} else {
		u.SetConditions(xpv1.Unavailable())
	}

	return o, nil
}

// Create writes the policy, makes the user, which may do nothing yet, and gives
// it the policy. Each step may be repeated, so it does not matter where an
// earlier try ended.
func (e *external) Create(ctx context.Context, u *v1alpha1.User) (managed.ExternalCreation, error) {
	if err := e.writePolicy(ctx, u); err != nil {
		return managed.ExternalCreation{}, err
	}

	secretKey, err := e.addUser(ctx, u)
	if err != nil {
		return managed.ExternalCreation{}, err
	}

	meta.SetExternalName(u, AccessKey(u))

	return managed.ExternalCreation{ConnectionDetails: e.connectionDetails(u, secretKey)}, e.permit(ctx, u)
}

// Update mends what Observe found amiss. A key that was lost is replaced. The
// user is enabled before it gets its policy: the server denies that a disabled
// one exists. The next look is a poll away, so Update says itself that the user
// is in order again.
func (e *external) Update(ctx context.Context, u *v1alpha1.User) (managed.ExternalUpdate, error) {
	key := AccessKey(u)

	// The runtime also asks to update a user that is missing and that management
	// policies forbid to make.
	if _, err := e.admin.GetUserInfo(ctx, key); err != nil {
		return managed.ExternalUpdate{}, errors.Wrapf(err, "cannot look at user %q", key)
	}

	if err := e.writePolicy(ctx, u); err != nil {
		return managed.ExternalUpdate{}, err
	}

	secretKey, err := e.publishedKey(ctx, u)
	if err != nil {
		return managed.ExternalUpdate{}, err
	}

	if secretKey != "" || u.GetWriteConnectionSecretToReference() == nil {
		err = errors.Wrapf(e.admin.SetUserStatus(ctx, key, madmin.AccountEnabled), "cannot enable user %q", key)
	} else {
		secretKey, err = e.addUser(ctx, u)
	}

	if err != nil {
		return managed.ExternalUpdate{}, err
	}

	if err := e.permit(ctx, u); err != nil {
		return managed.ExternalUpdate{}, err
	}

	var details managed.ConnectionDetails
	if secretKey != "" {
		details = e.connectionDetails(u, secretKey)
	}

	setAvailable(u, details)

	return managed.ExternalUpdate{ConnectionDetails: details}, nil
}

// Delete removes the user with all its keys, and then its policy, which the
// server keeps as long as somebody holds it.
func (e *external) Delete(ctx context.Context, u *v1alpha1.User) (managed.ExternalDelete, error) {
	u.SetConditions(xpv1.Deleting())

	if err := e.admin.RemoveUser(ctx, AccessKey(u)); resource.Ignore(minio.IsNotFound, err) != nil {
		return managed.ExternalDelete{}, errors.Wrapf(err, "cannot remove user %q", AccessKey(u))
	}

	err := resource.Ignore(minio.IsNotFound, e.admin.RemoveCannedPolicy(ctx, policyName(u)))

	return managed.ExternalDelete{}, errors.Wrapf(err, "cannot remove policy %q", policyName(u))
}

// Disconnect does nothing: the client is shared.
func (e *external) Disconnect(context.Context) error { return nil }

// setAvailable says that the user is there and in order, and which details of
// it are published.
func setAvailable(u *v1alpha1.User, published managed.ConnectionDetails) {
	u.Status.AtProvider.AccessKeyID = AccessKey(u)
	u.Status.AtProvider.PublishedHash = hash(published)
	u.SetConditions(xpv1.Available())
}

// hash returns 64 bits of a hash of connection details: another value for other
// details, and nothing from which to learn a secret key of 200 random bits.
func hash(d managed.ConnectionDetails) string {
	if len(d) == 0 {
		return ""
	}

	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(d)) {
		fmt.Fprintf(h, "%q%q", k, d[k])
	}

	return hex.EncodeToString(h.Sum(nil)[:8])
}

// addUser makes the user with a new secret key, or gives it one if it exists,
// and returns that key.
func (e *external) addUser(ctx context.Context, u *v1alpha1.User) (minio.Secret, error) {
	secretKey := newSecretKey()
	err := e.admin.AddUser(ctx, AccessKey(u), secretKey.Reveal())

	return secretKey, errors.Wrapf(err, "cannot give user %q a key", AccessKey(u))
}

// policyName returns the name of u's policy. It follows from the UID even where
// the user's own name was set by hand: a policy of such a name may be somebody
// else's.
func policyName(u *v1alpha1.User) string { return accessKeyFor(u.GetUID()) }

// writePolicy writes the user's policy.
func (e *external) writePolicy(ctx context.Context, u *v1alpha1.User) error {
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

// permit gives the user its policy, and takes every other.
func (e *external) permit(ctx context.Context, u *v1alpha1.User) error {
	err := e.admin.SetPolicy(ctx, policyName(u), AccessKey(u), false)

	return errors.Wrapf(err, "cannot set the policy of user %q", AccessKey(u))
}

// permitted reports whether the user holds its policy and no other, and whether
// the policy says what the grants say. What groups allow the user is not looked
// at.
func (e *external) permitted(ctx context.Context, u *v1alpha1.User, info madmin.UserInfo) (bool, error) {
	if info.PolicyName != policyName(u) {
		return false, nil
	}

	want, err := newPolicy(u.Spec.ForProvider.Grants)
	if err != nil {
		return false, err
	}

	document, exists, err := e.policy(ctx, policyName(u))

	return exists && want.means(document), err
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

// publishedKey returns the secret key that was published for the user's access
// key, or nothing if there is none.
func (e *external) publishedKey(ctx context.Context, u *v1alpha1.User) (minio.Secret, error) {
	ref := u.GetWriteConnectionSecretToReference()
	if ref == nil {
		return "", nil
	}

	s := &corev1.Secret{}
	if err := e.kube.Get(ctx, types.NamespacedName{Namespace: u.GetNamespace(), Name: ref.Name}, s); err != nil {
		return "", errors.Wrapf(client.IgnoreNotFound(err), "cannot read connection Secret %q", ref.Name)
	}

	if string(s.Data[v1alpha1.ConnectionKeyAccessKeyID]) != AccessKey(u) {
		return "", nil
	}

	return minio.Secret(s.Data[v1alpha1.ConnectionKeySecretAccessKey]), nil
}

func (e *external) connectionDetails(u *v1alpha1.User, secretKey minio.Secret) managed.ConnectionDetails {
	return managed.ConnectionDetails{
		v1alpha1.ConnectionKeyAccessKeyID:     []byte(AccessKey(u)),
		v1alpha1.ConnectionKeySecretAccessKey: []byte(secretKey.Reveal()),
		v1alpha1.ConnectionKeyEndpoint:        []byte(e.endpoint),
		v1alpha1.ConnectionKeyRegion:          []byte(e.region),
	}
}
