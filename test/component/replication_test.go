//go:build e2e

package component

import (
	"fmt"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestSiteReplication uses two servers that replicate each other. They purge no bucket in one
// call, so its versions are deleted one by one, on both. They suspend no versioning, which the
// Bucket says with what to do.
func TestSiteReplication(t *testing.T) {
	ctx := t.Context()

	ownServers(t)

	sites := make([]madmin.PeerSite, 2)
	servers := make([]*Storage, 2)

	for i, name := range []string{"site-a", "site-b"} {
		s, err := env.AddStorage(ctx, name)
		if err != nil {
			t.Fatal(err)
		}

		servers[i], sites[i] = s, madmin.PeerSite{Name: name, Endpoint: s.URL(), AccessKey: s.AccessKey, SecretKey: s.SecretKey}
	}

	if _, err := servers[0].SiteReplicationAdd(ctx, sites, madmin.SRAddOptions{}); err != nil {
		t.Fatal(err)
	}

	startProvider(t)

	ns := newNamespace(t)
	ref := &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: sites[0].Name}

	purged, suspended := newBucket(ns, "purged"), newBucket(ns, "suspended")
	purged.Spec.ProviderConfigReference, suspended.Spec.ProviderConfigReference = ref, ref
	purged.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge
	suspended.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningSuspended)

	create(t, purged)
	create(t, suspended)
	await.For(t, "the Bucket to be ready", func() error { return settled(ctx, purged) })

	await.For(t, "the Bucket to say that versioning cannot be suspended", func() error {
		if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(suspended), suspended); err != nil {
			return err
		}

		c := suspended.GetCondition(xpv1.TypeSynced)
		if c.Status != corev1.ConditionFalse || !strings.Contains(c.Message, "replication") || !strings.Contains(c.Message, "set versioning to Enabled") {
			return fmt.Errorf("it says %q", c.Message)
		}

		return nil
	})
	await.Change(t, env.Kube, suspended, func(b *miniov1alpha1.Bucket) {
		b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningEnabled)
	})
	await.For(t, "the Bucket to be ready with versioning", func() error { return settled(ctx, suspended) })

	for _, name := range []string{"kept", "kept", "deleted"} {
		text := strings.NewReader("some text")
		if _, err := servers[0].S3.PutObject(ctx, purged.Name, name, text, text.Size(), miniogo.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}

	if err := servers[0].S3.RemoveObject(ctx, purged.Name, "deleted", miniogo.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	for _, b := range []*miniov1alpha1.Bucket{purged, suspended} {
		if err := env.Kube.Delete(ctx, b); err != nil {
			t.Fatal(err)
		}

		await.For(t, "the Bucket to be deleted", func() error {
			if err := gone(ctx, b); err != nil {
				return fmt.Errorf("%w: %s", err, b.GetCondition(xpv1.TypeSynced).Message)
			}

			return nil
		})
	}

	await.For(t, "the buckets to be gone from both servers", func() error {
		for i, s := range servers {
			left, err := s.S3.ListBuckets(ctx)
			if err != nil || len(left) > 0 {
				return fmt.Errorf("%s has %v: %w", sites[i].Name, left, err)
			}
		}

		return nil
	})
}
