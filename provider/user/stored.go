package user

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// stored is what the connection Secret holds.
type stored struct {
	// secret is nil if there is none.
	secret *corev1.Secret
	// details are what clients read: everything but a pending key. They are empty if
	// the Secret is not the User's.
	details managed.ConnectionDetails
	// pending is a key that is not the current one yet; the zero value for none.
	pending pendingKey
}

// pendingKey is the document of miniov1alpha1.ConnectionKeyPending.
type pendingKey struct {
	AccessKeyID     string `json:"accessKeyID"`
	SecretAccessKey string `json:"secretAccessKey"`
}

// madeHere matches the secret keys that newSecretKey returns. Another pending one was
// written by a person, and is not given to the server.
var madeHere = regexp.MustCompile(`^[A-Z2-7]{40}$`)

// newStored returns the content of a Secret.
func newStored(u *miniov1alpha1.User, s *corev1.Secret) stored {
	st := stored{secret: s}
	if ownedByOther(u, s) != nil {
		return st
	}

	st.details = maps.Clone(s.Data)
	delete(st.details, miniov1alpha1.ConnectionKeyPending)

	p := pendingKey{}
	if json.Unmarshal(s.Data[miniov1alpha1.ConnectionKeyPending], &p) == nil && madeHere.MatchString(p.SecretAccessKey) {
		st.pending = p
	}

	return st
}

// data returns all of the Secret's data.
func (s stored) data() map[string][]byte {
	if s.secret == nil {
		return nil
	}

	return s.secret.Data
}

// immutable reports whether a Secret cannot be changed.
func immutable(s *corev1.Secret) bool { return s != nil && s.Immutable != nil && *s.Immutable }

// within reports whether all that clients read is part of connection details.
func (s stored) within(d managed.ConnectionDetails) bool {
	for k, v := range s.details {
		if w, has := d[k]; !has || !bytes.Equal(v, w) {
			return false
		}
	}

	return true
}

// accessKeyID returns the ID of the access key that clients read.
func (s stored) accessKeyID() string {
	return string(s.details[miniov1alpha1.ConnectionKeyAccessKeyID])
}

// unedited reports whether clients read what was published last. Before anything was
// published, whatever they read counts as unedited.
func (s stored) unedited(u *miniov1alpha1.User) bool {
	h := u.Status.AtProvider.PublishedHash

	return h == "" || h == hash(s.details)
}

// key returns the stored secret key of the current generation, and whether clients
// read it; empty if none is stored. An empty secret key in the Secret is none: a request
// that is signed with it is an anonymous one, and the answer says nothing about the key.
func (s stored) key(u *miniov1alpha1.User) (secretKey minio.Secret, current bool) {
	id := accessKeyID(u, u.Status.AtProvider.Generation)
	pending := s.pending.AccessKeyID == id

	secretKey = minio.Secret(s.details[miniov1alpha1.ConnectionKeySecretAccessKey])
	if s.accessKeyID() == id && secretKey != "" && (!pending || s.unedited(u)) {
		return secretKey, true
	}

	if pending {
		return minio.Secret(s.pending.SecretAccessKey), false
	}

	return "", false
}

// held returns the access key that clients read while its successor is not published yet,
// unless it was edited; empty at any other time.
func (s stored) held(u *miniov1alpha1.User) (id string, secretKey minio.Secret) {
	if id = s.accessKeyID(); !replaces(u, id) || !s.unedited(u) {
		return "", ""
	}

	return id, minio.Secret(s.details[miniov1alpha1.ConnectionKeySecretAccessKey])
}

// withPending returns the Secret's data with a pending key added.
func (s stored) withPending(id string, secretKey minio.Secret) managed.ConnectionDetails {
	data := maps.Clone(s.details)
	if data == nil {
		data = managed.ConnectionDetails{}
	}

	//nolint:errchkjson // Two texts can always be encoded.
	data[miniov1alpha1.ConnectionKeyPending], _ = json.Marshal(pendingKey{AccessKeyID: id, SecretAccessKey: secretKey.Reveal()})

	return data
}

// read returns what the connection Secret holds.
func (c connection) read(ctx context.Context, u *miniov1alpha1.User) (stored, error) {
	if !publishes(u) {
		return stored{}, nil
	}

	s, name := &corev1.Secret{}, u.GetWriteConnectionSecretToReference().Name

	err := c.kube.Get(ctx, types.NamespacedName{Namespace: u.GetNamespace(), Name: name}, s)
	if kerrors.IsNotFound(err) {
		return stored{}, nil
	}

	if err != nil {
		return stored{}, errors.Wrapf(err, "cannot read connection Secret %q", name)
	}

	return newStored(u, s), nil
}

// write replaces what the connection Secret holds, and returns what it holds then, as the
// API server answered. The runtime's own publication is not used: it counts a write that the
// API server rejected as done.
func (c connection) write(ctx context.Context, u *miniov1alpha1.User, have stored, data map[string][]byte) (stored, error) {
	s, err := c.send(ctx, u, have.secret, data)
	if err != nil {
		return have, err
	}

	got := newStored(u, s)
	if !maps.EqualFunc(got.data(), data, bytes.Equal) {
		err = errors.Errorf("connection Secret %q does not hold what was written to it: check what else writes it", s.GetName())
	}

	return got, err
}

// send creates the connection Secret, or updates it if that is not newer than what was
// read. It returns what the API server stored.
func (c connection) send(ctx context.Context, u *miniov1alpha1.User, have *corev1.Secret, data map[string][]byte) (*corev1.Secret, error) {
	s := resource.LocalConnectionSecretFor(u, miniov1alpha1.UserKind)
	name := s.GetName()

	if have == nil {
		s.Data = maps.Clone(data)

		return s, errors.Wrapf(c.kube.Create(ctx, s), "cannot store the key of user %q in Secret %q", Name(u), name)
	}

	if err := writable(u, have); err != nil {
		return nil, errors.Wrapf(err, "cannot store the key of user %q", Name(u))
	}

	owner := meta.AsController(meta.TypedReferenceTo(u, miniov1alpha1.UserKind))

	s = have.DeepCopy()
	meta.AddOwnerReference(s, owner)
	s.Data = maps.Clone(data)

	return s, errors.Wrapf(c.kube.Update(ctx, s), "cannot store the key of user %q in Secret %q", Name(u), name)
}

// writable returns an error if u cannot write a Secret.
func writable(u *miniov1alpha1.User, s *corev1.Secret) error {
	if err := ownedByOther(u, s); err != nil {
		return err
	}

	if immutable(s) {
		return errors.Errorf("Secret %q is immutable: delete it, and the user gets a new key in a new Secret", s.GetName())
	}

	return nil
}

// ownedByOther returns an error if a Secret is not u's, and may not become u's.
func ownedByOther(u *miniov1alpha1.User, s *corev1.Secret) error {
	owner := metav1.GetControllerOf(s)

	switch {
	case owner != nil && owner.UID != u.GetUID():
		return errors.Errorf("Secret %q belongs to %s %q: name another one in spec.writeConnectionSecretToRef, or delete it", s.GetName(), owner.Kind, owner.Name)
	case owner == nil && s.Type != resource.SecretTypeConnection:
		return errors.Errorf("Secret %q exists and has the type %q, not %q: name another one in spec.writeConnectionSecretToRef, or delete it",
			s.GetName(), s.Type, resource.SecretTypeConnection)
	}

	return nil
}

// namespaceEnds reports whether u's namespace is being deleted. The API server then
// takes no new Secret, not even for a trial.
func (c connection) namespaceEnds(ctx context.Context, u *miniov1alpha1.User) (bool, error) {
	trial := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: u.GetNamespace(), Name: u.GetName()},
		Type:       resource.SecretTypeConnection,
		Data:       map[string][]byte{miniov1alpha1.ConnectionKeyPending: nil},
	}
	if publishes(u) {
		trial.SetName(u.GetWriteConnectionSecretToReference().Name)
	}

	err := c.kube.Create(ctx, trial, client.DryRunAll)
	if kerrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return true, nil
	}

	// These answers say that the namespace stays. Any other, such as that the API server is
	// overloaded, says nothing about it.
	if err == nil || kerrors.IsAlreadyExists(err) || kerrors.IsForbidden(err) || kerrors.IsInvalid(err) || kerrors.IsBadRequest(err) {
		return false, nil
	}

	return false, errors.Wrapf(err, "cannot find out whether namespace %q is being deleted", u.GetNamespace())
}
