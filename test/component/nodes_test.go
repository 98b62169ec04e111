//go:build e2e

package component

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	miniogo "github.com/minio/minio-go/v7"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestUploadsOfOtherNodes begins an upload through another node than the one that the provider
// calls, and deletes the Bucket. The bucket must stay, and its purge must abort the upload.
func TestUploadsOfOtherNodes(t *testing.T) {
	const name = "two-nodes"

	ctx := t.Context()

	nodes := newCluster(t, name, 2, 2).Nodes
	if err := env.configure(ctx, name, nodes[0].URL(), nodes[0]); err != nil {
		t.Fatal(err)
	}

	startProvider(t)

	ns := newNamespace(t)
	b := newBucket(ns, "nodes")
	b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: name}
	create(t, b)
	await.For(t, "the Bucket to be ready", func() error { return settled(ctx, b) })

	other := miniogo.Core{Client: nodes[1].S3}

	id, err := other.NewMultipartUpload(ctx, b.Name, "upload", miniogo.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}

	if err := env.Kube.Delete(ctx, b); err != nil {
		t.Fatal(err)
	}

	await.For(t, "the Bucket to name the upload", func() error {
		if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(b), b); err != nil {
			return err
		}

		if c := b.GetCondition(xpv1.TypeSynced); !strings.Contains(c.Message, "still holds 1 incomplete upload") {
			return fmt.Errorf("it says %q", c.Message)
		}

		return nil
	})

	text := strings.NewReader("some text")
	if _, err := other.PutObjectPart(ctx, b.Name, "upload", id, 1, text, text.Size(), miniogo.PutObjectPartOptions{}); err != nil {
		t.Errorf("want the upload to go on, got %v", err)
	}

	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge })
	await.Gone(t, env.Kube, b)
}

// newCluster starts a MinIO of several nodes with some drives each.
func newCluster(t *testing.T, name string, nodes, drives int) *Cluster {
	t.Helper()

	ownServers(t)

	c, err := env.AddCluster(t.Context(), name, nodes, drives)
	if errors.Is(err, errNoAddress) {
		t.Skip(err)
	}

	if err != nil {
		t.Fatal(err)
	}

	return c
}
