//go:build e2e

package component

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/madmin-go/v3"
	ilm "github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/tags"
	kresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestSettingsSetToNothing sets settings of a bucket by hand. It expects the provider to leave
// them alone until the spec sets them to nothing, and then to remove them, also when they come
// back.
func TestSettingsSetToNothing(t *testing.T) {
	startProvider(t, "--poll-interval=2s")

	b := newBucket(newNamespace(t), "nothing")
	b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge
	create(t, b)
	awaitSettled(t, []resource.Managed{b})
	putObject(t, b.Name)

	byHand := map[string]string{
		"quota": "1048576", "lifecycle": "tmp/ 7 0", "tags": "map[set-by:hand]", "policy": "s3:GetObject",
	}

	setByHand(t, b.Name)

	// A change makes the provider observe the bucket anew.
	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningEnabled) })
	awaitSettled(t, []resource.Managed{b})

	byHand["versioning"] = "Enabled"
	if err := serves(t.Context(), b.Name, byHand); err != nil {
		t.Fatal(err)
	}

	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) {
		b.Spec.ForProvider.Quota = new(kresource.MustParse("0"))
		b.Spec.ForProvider.Lifecycle = []miniov1alpha1.LifecycleRule{}
		b.Spec.ForProvider.Tags = map[string]string{}
		b.Spec.ForProvider.AnonymousAccess = new(miniov1alpha1.AnonymousAccessNone)
	})

	removed := func() error { return serves(t.Context(), b.Name, map[string]string{"versioning": "Enabled"}) }

	await.For(t, "the settings to be removed", removed)
	awaitSettled(t, []resource.Managed{b})

	setByHand(t, b.Name)
	await.For(t, "the settings to be removed again", removed)

	// A write of the whole resource keeps what is set to nothing.
	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) { delete(b.Annotations, ownerUID) })
	awaitSettled(t, []resource.Managed{b})

	stored := &unstructured.Unstructured{}
	stored.SetGroupVersionKind(miniov1alpha1.BucketKind)

	if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(b), stored); err != nil {
		t.Fatal(err)
	}

	spec, _, _ := unstructured.NestedMap(stored.Object, "spec", "forProvider")
	for field, want := range map[string]any{"quota": "0", "lifecycle": []any{}, "tags": map[string]any{}} {
		if diff := cmp.Diff(want, spec[field]); diff != "" {
			t.Errorf("spec.forProvider.%s: -want, +stored:\n%s", field, diff)
		}
	}

	deleteAll(t, []resource.Managed{b})
}

// setByHand sets what a spec can set to nothing.
func setByHand(t *testing.T, bucket string) {
	t.Helper()

	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + bucket + `/*"}]}`
	rules := ilm.NewConfiguration()
	rules.Rules = []ilm.Rule{{ID: "by-hand", Status: "Enabled", RuleFilter: ilm.Filter{Prefix: "tmp/"}, Expiration: ilm.Expiration{Days: 7}}}

	set, err := tags.NewTags(map[string]string{"set-by": "hand"}, false)
	if err != nil {
		t.Fatal(err)
	}

	for _, err := range []error{
		env.Server.SetBucketQuota(t.Context(), bucket, &madmin.BucketQuota{Quota: 1 << 20, Size: 1 << 20, Type: madmin.HardQuota}),
		env.Server.S3.SetBucketLifecycle(t.Context(), bucket, rules),
		env.Server.S3.SetBucketTagging(t.Context(), bucket, set),
		env.Server.S3.SetBucketPolicy(t.Context(), bucket, policy),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}
