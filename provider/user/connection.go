package user

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/controller"
	"github.com/cistern-dev/cistern/provider/minio"
)

// connection renders what is published of a User. Its methods in stored.go read the
// connection Secret, and write it.
type connection struct {
	kube controller.Kube

	// endpoint is the URL at which clients of the user reach the server.
	endpoint string
	// region is never empty.
	region string
	// caCertificates are the authorities that clients of the user have to trust, PEM.
	// It may be empty.
	caCertificates string
}

// publishes reports whether the user's key is published. A key that is not published
// is known to no one.
func publishes(u *miniov1alpha1.User) bool { return u.GetWriteConnectionSecretToReference() != nil }

// details returns what to publish of the access key of the current generation; nil
// if its secret key is empty.
func (c connection) details(u *miniov1alpha1.User, secretKey minio.Secret) managed.ConnectionDetails {
	if secretKey == "" {
		return nil
	}

	d := miniov1alpha1.Connection{
		Endpoint:        c.endpoint,
		Region:          c.region,
		CACertificates:  c.caCertificates,
		AccessKeyID:     accessKeyID(u, u.Status.AtProvider.Generation),
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
