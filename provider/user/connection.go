package user

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// maxGenerations bounds the search for the generation of a published key.
const maxGenerations = 1 << 12

// publishes says whether the user's key is published. If it is not, nobody knows
// it.
func publishes(u *miniov1alpha1.User) bool { return u.GetWriteConnectionSecretToReference() != nil }

// published returns the secret key that is published for the user's current
// access key, or nothing if there is none.
func (e *external) published(ctx context.Context, u *miniov1alpha1.User) (minio.Secret, error) {
	if !publishes(u) {
		return "", nil
	}

	s, name := &corev1.Secret{}, u.GetWriteConnectionSecretToReference().Name
	if err := e.kube.Get(ctx, types.NamespacedName{Namespace: u.GetNamespace(), Name: name}, s); err != nil {
		return "", errors.Wrapf(client.IgnoreNotFound(err), "cannot read connection Secret %q", name)
	}

	e.found.published = s.Data

	id := string(s.Data[miniov1alpha1.ConnectionKeyAccessKeyID])
	e.recallGeneration(u, id)

	if id != accessKey(u, u.Status.AtProvider.Generation) {
		return "", nil
	}

	return minio.Secret(s.Data[miniov1alpha1.ConnectionKeySecretAccessKey]), nil
}

// recallGeneration finds out the generation of a user whose status was lost, as
// it is when it is restored from a backup, from the key that is published. The
// key before may still be there and gets its overlap once more.
func (e *external) recallGeneration(u *miniov1alpha1.User, id string) {
	s := &u.Status.AtProvider
	if s.AccessKeyID != "" || s.Generation > 0 || id == "" || id == accessKey(u, 0) {
		return
	}

	for g := int64(1); g < maxGenerations; g++ {
		if accessKey(u, g) == id {
			s.Generation = g - 1
			rotate(u, e.now())

			return
		}
	}
}

// recordKey records which key is published, and when the next one is due.
func (e *external) recordKey(u *miniov1alpha1.User, published managed.ConnectionDetails) {
	s, r := &u.Status.AtProvider, u.Spec.ForProvider.Rotation

	if s.AccessKeyID == "" && s.RotationTrigger == "" && r != nil {
		// The first key was made with this trigger, not because of it.
		s.RotationTrigger = r.Trigger
	}

	if s.RotatedAt == nil {
		s.RotatedAt = new(metav1.NewTime(e.now()))
	}

	if len(published) > 0 || !publishes(u) {
		s.AccessKeyID = accessKey(u, s.Generation)
		s.PublishedHash = hash(published)
	}

	s.NextRotationAt = scheduled(u)
}

func (e *external) details(u *miniov1alpha1.User, secretKey minio.Secret) managed.ConnectionDetails {
	c := miniov1alpha1.Connection{
		Endpoint:        e.endpoint,
		Region:          e.region,
		AccessKeyID:     accessKey(u, u.Status.AtProvider.Generation),
		SecretAccessKey: secretKey.Reveal(),
	}
	if g := u.Spec.ForProvider.Grants; len(g) > 0 {
		c.BucketName = g[0].BucketName
	}

	return c.Details()
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
