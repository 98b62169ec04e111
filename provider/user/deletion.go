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

// waitForBuckets returns an error while the user is the key to Bucket resources
// that exist.
func (e *external) waitForBuckets(ctx context.Context, u *miniov1alpha1.User) error {
	if u.Spec.ForProvider.WhenBucketsRemain == miniov1alpha1.WhenBucketsRemainRemove {
		return nil
	}

	remaining, err := e.remainingBuckets(ctx, u)
	if err != nil || len(remaining) == 0 {
		return err
	}

	return errors.Errorf("user %q stays while there is %s, which it was granted: delete that too, or set spec.forProvider.whenBucketsRemain to Remove",
		Name(u), strings.Join(remaining, ", "))
}

// remainingBuckets returns the Bucket resources that u's grants are about, for
// people, sorted.
func (e *external) remainingBuckets(ctx context.Context, u *miniov1alpha1.User) ([]string, error) {
	granted := map[string][]string{}

	for _, g := range u.Spec.ForProvider.Grants {
		ns := u.GetNamespace()
		if g.BucketRef != nil && g.BucketRef.Namespace != "" {
			ns = g.BucketRef.Namespace
		}

		granted[ns] = append(granted[ns], g.BucketName)
	}

	var remaining []string

	for ns, names := range granted {
		buckets := &miniov1alpha1.BucketList{}

		err := e.kube.List(ctx, buckets, client.InNamespace(ns))
		if apimeta.IsNoMatchError(err) {
			// The platform has no Bucket resources at all.
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

// sameServer says whether user and Bucket use the same provider configuration.
func sameServer(u *miniov1alpha1.User, b *miniov1alpha1.Bucket) bool {
	x, y := u.GetProviderConfigReference(), b.GetProviderConfigReference()
	if x == nil || y == nil || *x != *y {
		return false
	}

	return x.Kind == miniov1alpha1.ClusterProviderConfigKind.Kind || u.GetNamespace() == b.GetNamespace()
}
