package user

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// connection reads what is published of a User, and renders what should be.
type connection struct {
	kube client.Reader

	// endpoint is the URL at which clients of the user reach the server.
	endpoint string
	// region is never empty.
	region string
}

// publishes reports whether the user's key is published. A key that is not published
// is known to no one.
func publishes(u *miniov1alpha1.User) bool { return u.GetWriteConnectionSecretToReference() != nil }

// read returns the content of the connection Secret; nil if there is none.
func (c connection) read(ctx context.Context, u *miniov1alpha1.User) (managed.ConnectionDetails, error) {
	if !publishes(u) {
		return nil, nil
	}

	s, name := &corev1.Secret{}, u.GetWriteConnectionSecretToReference().Name

	err := c.kube.Get(ctx, types.NamespacedName{Namespace: u.GetNamespace(), Name: name}, s)
	if client.IgnoreNotFound(err) != nil {
		return nil, errors.Wrapf(err, "cannot read connection Secret %q", name)
	}

	return s.Data, nil
}

// currentSecretKey returns the published secret key of the access key of the current
// generation; empty if another access key is published, or none.
func currentSecretKey(u *miniov1alpha1.User, published managed.ConnectionDetails) minio.Secret {
	if string(published[miniov1alpha1.ConnectionKeyAccessKeyID]) != accessKey(u, u.Status.AtProvider.Generation) {
		return ""
	}

	return minio.Secret(published[miniov1alpha1.ConnectionKeySecretAccessKey])
}

// details returns what to publish of the access key of the current generation; nil
// if its secret key is empty.
func (c connection) details(u *miniov1alpha1.User, secretKey minio.Secret) managed.ConnectionDetails {
	if secretKey == "" {
		return nil
	}

	d := miniov1alpha1.Connection{
		Endpoint:        c.endpoint,
		Region:          c.region,
		AccessKeyID:     accessKey(u, u.Status.AtProvider.Generation),
		SecretAccessKey: secretKey.Reveal(),
	}
	if g := u.Spec.ForProvider.Grants; len(g) > 0 {
		d.BucketName = g[0].BucketName
	}

	return d.Details()
}

// hash returns 64 bits of a hash of connection details; empty if there are none. It
// differs for different details, and reveals nothing of a secret key of 200 random
// bits.
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
