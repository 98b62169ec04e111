package user

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// waitForBuckets returns an error while Bucket resources exist to which the user has
// access, unless its spec says to remove it anyway.
func waitForBuckets(ctx context.Context, kube client.Reader, u *miniov1alpha1.User) error {
	if u.Spec.ForProvider.WhenBucketsRemain == miniov1alpha1.WhenBucketsRemainRemove {
		return nil
	}

	remaining, err := remainingBuckets(ctx, kube, u)
	if err != nil || len(remaining) == 0 {
		return err
	}

	return errors.Errorf("user %q is kept while it has access to %s: delete that too, or set spec.forProvider.whenBucketsRemain to Remove",
		Name(u), strings.Join(remaining, ", "))
}

// remainingBuckets describes the Bucket resources whose buckets are granted to u,
// for a message, in order.
func remainingBuckets(ctx context.Context, kube client.Reader, u *miniov1alpha1.User) ([]string, error) {
	granted := map[string][]string{}

	for _, g := range u.Spec.ForProvider.Grants {
		// A reference that was never resolved gave no access.
		if g.BucketName == "" {
			continue
		}

		ns := u.GetNamespace()
		if g.BucketRef != nil && g.BucketRef.Namespace != "" {
			ns = g.BucketRef.Namespace
		}

		granted[ns] = append(granted[ns], g.BucketName)
	}

	var remaining []string

	for ns, names := range granted {
		buckets := &miniov1alpha1.BucketList{}

		err := kube.List(ctx, buckets, client.InNamespace(ns))
		if apimeta.IsNoMatchError(err) {
			// The CRD of Buckets is not installed.
			continue
		}

		if err != nil {
			return nil, errors.Wrapf(err, "cannot list the Buckets of namespace %q", ns)
		}

		for _, b := range buckets.Items {
			if slices.Contains(names, meta.GetExternalName(&b)) && sameServer(u, &b) {
				remaining = append(remaining, fmt.Sprintf("Bucket %q", b.GetNamespace()+"/"+b.GetName()))
			}
		}
	}

	slices.Sort(remaining)

	return remaining, nil
}

// sameServer reports whether user and Bucket use the same provider configuration.
func sameServer(u *miniov1alpha1.User, b *miniov1alpha1.Bucket) bool {
	x, y := u.GetProviderConfigReference(), b.GetProviderConfigReference()
	if x == nil || y == nil || *x != *y {
		return false
	}

	return x.Kind == miniov1alpha1.ClusterProviderConfigKind.Kind || u.GetNamespace() == b.GetNamespace()
}
