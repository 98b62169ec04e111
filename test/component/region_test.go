//go:build e2e

package component

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	kresource "k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestRegion uses a server with a region of its own. A configuration that names another one
// must say so and stop Users. Without one, the server's is used and published.
func TestRegion(t *testing.T) {
	const own = "eu-1"

	ownServers(t)

	// The configuration names the region of the other servers.
	if _, err := env.AddStorage(t.Context(), "regional", "MINIO_SITE_REGION="+own); err != nil {
		t.Fatal(err)
	}

	startProvider(t)

	ns := newNamespace(t)
	ref := &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: "regional"}

	b := newBucket(ns, "regional")
	b.Spec.ProviderConfigReference = ref
	b.Spec.ForProvider.Quota = new(kresource.MustParse("1Gi"))
	b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningEnabled)

	u := newUser(ns, "regional", miniov1alpha1.Grant{BucketName: b.Name})
	u.Spec.ProviderConfigReference = ref

	create(t, b)
	create(t, u)

	config := &miniov1alpha1.ClusterProviderConfig{}

	await.For(t, "the configuration and the User to name the region", func() error {
		if err := env.Kube.Get(t.Context(), client.ObjectKey{Name: "regional"}, config); err != nil {
			return err
		}

		if c := config.GetCondition(xpv1.TypeReady); c.Reason != miniov1alpha1.ReasonWrongRegion ||
			!strings.Contains(c.Message, "spec.region") || !strings.Contains(c.Message, own) || !strings.Contains(c.Message, region) {
			return fmt.Errorf("the configuration shows %s: %s", c.Reason, c.Message)
		}

		if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
			return err
		}

		if c := u.GetCondition(xpv1.TypeSynced); !strings.Contains(c.Message, "spec.region") {
			return fmt.Errorf("the User shows %s", c.Message)
		}

		return nil
	})

	if c := u.GetCondition(xpv1.TypeReady); c.Status == corev1.ConditionTrue {
		t.Error("want the User not to be Ready")
	}

	await.Change(t, env.Kube, config, func(c *miniov1alpha1.ClusterProviderConfig) { c.Spec.Region = "" })
	await.For(t, "the Bucket to be ready", func() error { return settled(t.Context(), b) })
	await.For(t, "the User to be ready", func() error { return settled(t.Context(), u) })

	s := &corev1.Secret{}
	if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(u), s); err != nil {
		t.Fatal(err)
	}

	for key, value := range s.Data {
		if strings.HasSuffix(key, "REGION") && string(value) != own {
			t.Errorf("want the Secret's %s to be %s, got %q", key, own, value)
		}
	}

	for _, o := range []client.Object{b, u} {
		if err := env.Kube.Delete(t.Context(), o); err != nil {
			t.Error(err)
		}

		await.Gone(t, env.Kube, o)
	}
}
