//go:build e2e

package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// anotherEndpoint is the platform's MinIO by another name.
const anotherEndpoint = "https://minio.minio.svc.cluster.local:9000"

// newUserOn returns a User that uses a ProviderConfig.
func newUserOn(pc *miniov1alpha1.ProviderConfig, name string, grants ...miniov1alpha1.Grant) *miniov1alpha1.User {
	u := newUser(pc.Namespace, name, grants...)
	u.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ProviderConfigKind.Kind, Name: pc.Name}

	return u
}

// TestPublicEndpoint checks that a User's key is published with publicEndpoint instead
// of the endpoint that the provider uses, and that the User is not ready until its key
// works there.
func TestPublicEndpoint(t *testing.T) {
	t.Parallel()

	pc := newConfig(t, newNamespace(t))
	pc.Spec.PublicEndpoint = "https://kubernetes.default.svc"
	create(t, pc)

	b := newBucketOn(pc)
	create(t, b)
	waitAvailable(t, b)

	u := newUserOn(pc, "elsewhere", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadWrite})
	create(t, u)
	waitCondition(t, u, xpv1.TypeReady, corev1.ConditionFalse, "the published key could not be verified")

	if c := u.GetCondition(xpv1.TypeReady); c.Reason != miniov1alpha1.ReasonUnproven {
		t.Errorf("want reason %s, got %s", miniov1alpha1.ReasonUnproven, c.Reason)
	}

	await.Change(t, kube, pc, func(pc *miniov1alpha1.ProviderConfig) { pc.Spec.PublicEndpoint = anotherEndpoint })
	waitAvailable(t, u)

	if got := string(connectionSecret(t, u).Data[miniov1alpha1.ConnectionKeyEndpoint]); got != anotherEndpoint {
		t.Errorf("want endpoint %s to be published, got %s", anotherEndpoint, got)
	}
}

// TestGrantBySelector checks that a grant by bucketSelector resolves to the Bucket with
// the label.
func TestGrantBySelector(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	labels := map[string]string{"e2e/bucket": "chosen"}

	chosen, other := newBucket(ns, "chosen"), newBucket(ns, "other")
	chosen.Labels = labels

	for _, b := range []*miniov1alpha1.Bucket{chosen, other} {
		create(t, b)
		waitAvailable(t, b)
	}

	u := newUser(ns, "selects", miniov1alpha1.Grant{
		BucketSelector: &xpv1.NamespacedSelector{MatchLabels: labels}, Access: miniov1alpha1.AccessReadWrite,
	})
	create(t, u)
	waitAvailable(t, u)

	if got := u.Spec.ForProvider.Grants[0].BucketName; got != "" {
		t.Errorf("want the spec to stay as it was written, got bucketName %q", got)
	}

	s3 := userClient(t, u)
	if _, err := list(t.Context(), s3, chosen.Name); err != nil {
		t.Errorf("want bucket %q to be granted, got %v", chosen.Name, err)
	}

	if _, err := list(t.Context(), s3, other.Name); err == nil {
		t.Errorf("want bucket %q not to be granted", other.Name)
	}
}
