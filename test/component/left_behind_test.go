//go:build e2e

package component

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	miniogo "github.com/minio/minio-go/v7"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// anonymousStatus returns the status of a download without credentials.
func anonymousStatus(ctx context.Context, bucket, object string) (int, error) {
	u := env.Server.S3.EndpointURL().JoinPath(bucket, object)

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, fmt.Errorf("cannot make a request: %w", err)
	}

	rsp, err := do(req)

	return rsp.status, err
}

// TestLeftBehindBucketIsNotPublic stops the provider, changes a public Bucket to one that stays on
// the server and is not public, and deletes it. It checks that the bucket is not public afterwards:
// nothing would ever end that.
func TestLeftBehindBucketIsNotPublic(t *testing.T) {
	p := startProvider(t)
	ctx, ns := t.Context(), newNamespace(t)

	b := newBucket(ns, "public")
	b.Spec.ForProvider.AnonymousAccess = new(miniov1alpha1.AnonymousAccessDownload)
	create(t, b)
	await.For(t, "the Bucket to be ready", func() error { return settled(ctx, b) })

	s3, text := env.Server.S3, strings.NewReader("text")
	if _, err := s3.PutObject(ctx, b.Name, "object", text, text.Size(), miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		_ = s3.RemoveBucketWithOptions(context.Background(), b.Name, miniogo.RemoveBucketOptions{ForceDelete: true})
	})

	if status, err := anonymousStatus(ctx, b.Name, "object"); status != http.StatusOK {
		t.Fatalf("want the object to be public, got status %d, %v", status, err)
	}

	p.Kill()

	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) {
		b.Spec.ForProvider.AnonymousAccess = new(miniov1alpha1.AnonymousAccessNone)
		b.Spec.ManagementPolicies = xpv1.ManagementPolicies{
			xpv1.ManagementActionObserve, xpv1.ManagementActionCreate, xpv1.ManagementActionUpdate, xpv1.ManagementActionLateInitialize,
		}
	})

	if err := env.Kube.Delete(ctx, b); err != nil {
		t.Fatal(err)
	}

	startProvider(t)
	await.For(t, "the Bucket to be deleted", func() error { return gone(ctx, b) })

	if status, err := anonymousStatus(ctx, b.Name, "object"); status != http.StatusForbidden {
		t.Errorf("want the object not to be public, got status %d, %v", status, err)
	}
}

// TestBucketLeavesOnlyItsServer deletes a Bucket that stays on the server and is not public, just
// when another server answers at the endpoint. It checks that the bucket of the same name there
// stays as public as it was.
func TestBucketLeavesOnlyItsServer(t *testing.T) {
	startProvider(t)
	ctx, ns := t.Context(), newNamespace(t)

	first, second := newStorage(t, "left-first"), newStorage(t, "left-second")
	e := &exchanged{exchange: newExchange(t, first), config: hangingConfig(t, ns)}
	e.config.Spec.Endpoint = "http://" + e.address
	create(t, e.config)

	b := newBucket(ns, "stays")
	e.use(b)
	b.Spec.ForProvider.AnonymousAccess = new(miniov1alpha1.AnonymousAccessNone)
	b.Spec.ManagementPolicies = withoutDelete
	create(t, b)
	awaitSettled(t, []resource.Managed{b})

	if err := second.S3.MakeBucket(ctx, b.Name, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}

	public := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]},
		"Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::%s/*"]}]}`, b.Name)
	if err := second.S3.SetBucketPolicy(ctx, b.Name, public); err != nil {
		t.Fatal(err)
	}

	// Any server will do until the first one is recorded.
	e.awaitReason(t, miniov1alpha1.ReasonServerUsable)
	e.leadTo(second)

	if err := env.Kube.Delete(ctx, b); err != nil {
		t.Fatal(err)
	}

	awaitRefused(t, b)

	if policy, err := second.S3.GetBucketPolicy(ctx, b.Name); err != nil || policy == "" {
		t.Errorf("want the bucket of the other server to stay public, got policy %q, %v", policy, err)
	}

	e.checkNow(t)
	e.awaitReason(t, miniov1alpha1.ReasonServerChanged)
	e.exchangeTo(t, first)
	e.awaitReason(t, miniov1alpha1.ReasonServerUsable)
	await.Gone(t, env.Kube, b)

	if err := env.Kube.Delete(ctx, e.config); err != nil {
		t.Error(err)
	}
}

// TestReleasedClaimIsEmpty deletes a claim with a finalizer of its tenant, and fills the bucket
// before the finalizer is removed. The claim must not go without its bucket: the key would stay with
// no claim to count or to delete.
func TestReleasedClaimIsEmpty(t *testing.T) {
	_, _, as := startClaims(t)
	ctx, ns := t.Context(), newNamespace(t)

	c := newClaim(t, ns, "{}")
	c.SetFinalizers([]string{"example.org/mine"})

	if err := as.tenant.Create(ctx, c); err != nil {
		t.Fatal(err)
	}

	b := newBucket(ns, "composed")
	b.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: tenantv1alpha1.BucketKind.GroupVersion().String(), Kind: tenantv1alpha1.BucketKind.Kind,
		Name: c.GetName(), UID: c.GetUID(), Controller: new(true), BlockOwnerDeletion: new(true),
	}}
	create(t, b)
	await.For(t, "the Bucket to be ready", func() error { return settled(ctx, b) })

	if err := as.tenant.Delete(ctx, c); err != nil {
		t.Fatalf("want the deletion of a claim with an empty bucket to be accepted, got %v", err)
	}

	s3, text := env.Server.S3, strings.NewReader("text")
	if _, err := s3.PutObject(ctx, b.Name, "object", text, text.Size(), miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	keep := func(finalizers string) error {
		return as.tenant.Patch(ctx, c, client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"finalizers": `+finalizers+`}}`)))
	}
	release := func() error { return keep("null") }

	if err := release(); err == nil || !strings.Contains(err.Error(), "still holds 1 object") {
		t.Errorf("want the removal of the finalizer to be denied, got %v", err)
	}

	// Another deletion adds a finalizer of Kubernetes, so that the tenant's is not the last one.
	if err := as.tenant.Delete(ctx, c, client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
		t.Fatal(err)
	}

	if err := keep(`["` + metav1.FinalizerDeleteDependents + `"]`); err != nil {
		t.Fatal(err)
	}

	if err := release(); err == nil || !strings.Contains(err.Error(), "still holds 1 object") {
		t.Errorf("want the removal of the finalizer of Kubernetes to be denied, got %v", err)
	}

	if err := s3.RemoveObject(ctx, b.Name, "object", miniogo.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	if err := release(); client.IgnoreNotFound(err) != nil {
		t.Errorf("want the finalizer to be removed from a claim with an empty bucket, got %v", err)
	}

	await.For(t, "the claim to be gone", func() error {
		if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(c), c); client.IgnoreNotFound(err) != nil || err == nil {
			return errors.Join(err, errors.New("it exists"))
		}

		return nil
	})

	// Tests that follow count what is on the server.
	await.For(t, "the Bucket to be gone", func() error { return gone(ctx, b) })
}
