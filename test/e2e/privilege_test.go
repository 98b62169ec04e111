//go:build e2e

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// newRestrictedAdmin creates a user of MinIO with the example's policy for the provider,
// and a ProviderConfig least in a namespace that uses it. It returns the user's keys.
func newRestrictedAdmin(t *testing.T, ns string) (accessKey, secretKey string) {
	t.Helper()

	ctx := t.Context()
	accessKey, secretKey = "provider-"+ns, "not-root-but-good-enough"

	document, err := os.ReadFile(filepath.Join(repo, "examples", "platform", "minio-admin-policy.json"))
	if err != nil {
		t.Fatal(err)
	}

	ca := &corev1.ConfigMap{}
	if err := errors.Join(
		kube.Get(ctx, types.NamespacedName{Namespace: "minio", Name: "minio-ca"}, ca),
		admin.AddCannedPolicy(ctx, accessKey, document),
		admin.AddUser(ctx, accessKey, secretKey),
		attachPolicy(ctx, accessKey, accessKey)); err != nil {
		t.Fatal(err)
	}

	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "admin"}, Data: map[string][]byte{
		"accessKey": []byte(accessKey), "secretKey": []byte(secretKey),
	}})
	create(t, &miniov1alpha1.ProviderConfig{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "least"},
		Spec: miniov1alpha1.ProviderConfigSpec{
			Endpoint:    platform.MinIOInsideURL,
			Region:      "us-east-1",
			Credentials: miniov1alpha1.Credentials{SecretRef: miniov1alpha1.ObjectReference{Name: "admin"}},
			CABundle:    &miniov1alpha1.CABundle{Inline: ca.Data["ca.crt"]},
		},
	})

	return accessKey, secretKey
}

// TestLeastPrivilege checks that the provider can do all that it does with the rights of
// examples/platform/minio-admin-policy.json.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	accessKey, secretKey := newRestrictedAdmin(t, ns)
	config := &xpv1.ProviderConfigReference{Kind: "ProviderConfig", Name: "least"}

	plain, locked := newBucket(ns, "plain"), newBucket(ns, "locked")
	plain.Spec.ForProvider = miniov1alpha1.BucketParameters{
		Versioning:      new(miniov1alpha1.VersioningEnabled),
		Quota:           new(resource.MustParse("1Gi")),
		Lifecycle:       []miniov1alpha1.LifecycleRule{{ExpireAfterDays: new(int32(1)), AbortIncompleteUploadsAfterDays: new(int32(1))}},
		Tags:            map[string]string{"a": "b"},
		Encryption:      &miniov1alpha1.Encryption{Type: miniov1alpha1.EncryptionSSES3},
		AnonymousAccess: new(miniov1alpha1.AnonymousAccessDownload),
		WhenNotEmpty:    miniov1alpha1.WhenNotEmptyPurge,
	}
	locked.Spec.ForProvider = miniov1alpha1.BucketParameters{
		ObjectLocking: true,
		Retention:     &miniov1alpha1.Retention{Mode: miniov1alpha1.RetentionGovernance, Days: new(int32(1))},
		WhenNotEmpty:  miniov1alpha1.WhenNotEmptyPurge,
	}

	p := newPolicy(ns, "least", listPhotos)
	u := newUser(ns, "least", miniov1alpha1.Grant{BucketName: plain.Name})
	u.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{{PolicyRef: &xpv1.NamespacedReference{Name: p.Name}}}

	plain.Spec.ProviderConfigReference, locked.Spec.ProviderConfigReference = config, config
	p.Spec.ProviderConfigReference, u.Spec.ProviderConfigReference = config, config

	create(t, plain)
	create(t, locked)
	create(t, p)
	create(t, u)
	waitAvailable(t, plain)
	waitAvailable(t, locked)
	waitAvailable(t, p)
	waitAvailable(t, u)

	// Settings are undone, a key is rotated, and a user is disabled and enabled.
	await.Change(t, kube, plain, func(b *miniov1alpha1.Bucket) {
		b.Spec.ForProvider = miniov1alpha1.BucketParameters{WhenNotEmpty: miniov1alpha1.WhenNotEmptyPurge}
	})
	await.For(t, "the settings to be undone", func() error {
		if managed := plain.Status.AtProvider.ManagedSettings; len(managed) > 0 {
			waitCondition(t, plain, xpv1.TypeSynced, corev1.ConditionTrue, "")
			return errors.New(strings.Join(managed, ", "))
		}

		return nil
	})
	await.Change(t, kube, u, func(u *miniov1alpha1.User) {
		u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}}
	})
	waitGeneration(t, u, 1)
	await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = new(false) })
	waitCondition(t, u, xpv1.TypeReady, corev1.ConditionFalse, "is disabled")
	await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = nil })
	waitAvailable(t, u)

	if err := put(ctx, userClient(t, u), plain.Name, "a"); err != nil {
		t.Fatal(err)
	}

	// These rights do not allow reading the tenants' objects.
	s3, err := api.S3(plat, platform.MinIOInsideURL, accessKey, secretKey)
	if err != nil {
		t.Fatal(err)
	}

	_, err = s3.StatObject(ctx, plain.Name, "a", statOptions)
	wantDenied(t, "read", err)

	if err := errors.Join(kube.Delete(ctx, plain), kube.Delete(ctx, locked), kube.Delete(ctx, u), kube.Delete(ctx, p)); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, kube, plain)
	await.Gone(t, kube, locked)
	await.Gone(t, kube, u)
	await.Gone(t, kube, p)
}
