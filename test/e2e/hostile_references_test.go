//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// manyReferences is more claims than Crossplane reconciles at a time.
const manyReferences = 130

// TestTenantReferencesManyPods creates more claims that refer to a Pod than Crossplane has workers.
// Crossplane may not list Pods, and would wait for them. It checks that the references are not
// stored, and that another tenant's claim becomes ready while all these claims exist.
func TestTenantReferencesManyPods(t *testing.T) {
	t.Parallel()

	f := newTenant(t)

	// Nothing is composed in a pool that does not exist, so the claims cost the server nothing.
	const spec = `{storagePool: none, crossplane: {resourceRefs: [{apiVersion: v1, kind: Pod, name: x}]}}`

	create := errgroup.Group{}
	create.SetLimit(8)

	for i := range manyReferences {
		create.Go(func() error { return f.createClaim(t, fmt.Sprintf("many-%d", i), spec) })
	}

	if err := create.Wait(); err != nil {
		t.Fatal(err)
	}

	ns := newNamespace(t)
	applyClaim(t, ns, "innocent", "{}")
	info := waitReady(t, ns, "innocent")

	claims := &unstructured.UnstructuredList{}
	claims.SetGroupVersionKind(tenantv1alpha1.BucketKind)

	if err := kube.List(t.Context(), claims, client.InNamespace(f.ns)); err != nil || len(claims.Items) != manyReferences {
		t.Fatalf("want all claims with references to exist, got %d, %v", len(claims.Items), err)
	}

	for _, c := range claims.Items {
		if refs, _, _ := unstructured.NestedSlice(c.Object, "spec", "crossplane", "resourceRefs"); len(refs) > 0 {
			t.Errorf("want claim %s to have no references, got %v", c.GetName(), refs)
		}
	}

	testAllowed(t, info)
	f.waitReads(t, "many-0", `Provisioned False InvalidClaim: storage pool "none" does not exist`)
}

// TestTenantForgesReferences has a tenant add a ConfigMap to its claim's resourceRefs
// that is annotated as the claim's Bucket, with another tenant's bucket as external
// name, remove all references, and pause the claim. It checks that none of this has an
// effect, that the tenant's keys open no other bucket, and that the claim can still be
// changed.
func TestTenantForgesReferences(t *testing.T) {
	t.Parallel()

	const claim = "buckets.apps.cozystack.io/forged"

	f := newForgery(t, newVictim(t).Spec.BucketName)
	crossplane := func() string {
		return f.kubectl(t, "", "get", claim, `--output=jsonpath={.spec.crossplane}{.metadata.annotations.crossplane\.io/paused}`)
	}
	before := crossplane()

	f.kubectl(t, "", "create", "configmap", "mine")
	f.kubectl(t, "", "annotate", "configmap", "mine", "crossplane.io/composition-resource-name=bucket", "crossplane.io/external-name="+f.victim)

	for change, args := range map[string][]string{
		"add the ConfigMap": {"--type=json", `--patch=[{"op": "add", "path": "/spec/crossplane/resourceRefs/-",` +
			` "value": {"apiVersion": "v1", "kind": "ConfigMap", "name": "mine"}}]`},
		"remove all references": {"--type=merge", `--patch={"spec": {"crossplane": {"resourceRefs": []}}}`},
		"remove the field":      {"--type=merge", `--patch={"spec": {"crossplane": null}}`},
		"pause the claim":       {"--type=merge", `--patch={"metadata": {"annotations": {"crossplane.io/paused": "true"}}}`},
	} {
		f.kubectl(t, "", append([]string{"patch", claim}, args...)...)

		if after := crossplane(); after != before {
			t.Errorf("%s: want no effect, got %s instead of %s", change, after, before)
		}
	}

	f.waitRestored(t)

	f.kubectl(t, "", "patch", claim, "--type=merge", `--patch={"spec": {"quota": "1Gi"}}`)
	waitReady(t, f.ns, "forged")

	if b := getBucket(t, f.ns, "forged"); b.Spec.ForProvider.Quota == nil {
		t.Error("want the claim to be composed after the tenant's changes")
	}
}

// TestClaimWithReferences creates claims that refer to a Pod, which Crossplane may not
// list and would wait for. It checks that a tenant's claim is composed, that Crossplane
// would not be sent to other objects by an administrator either, and that the
// references of a restored claim are replaced by its own.
func TestClaimWithReferences(t *testing.T) {
	t.Parallel()

	f := newTenant(t)
	ns := f.ns

	f.claim(t, "claimed", "{crossplane: {resourceRefs: [{apiVersion: v1, kind: Pod, name: x}]}}")
	waitReady(t, ns, "claimed")

	const refs = "{crossplane: {resourceRefs: [{apiVersion: minio.cistern.dev/v1alpha1, kind: Bucket, name: bucket-of-another-uid}]}}"

	mustKubectl(t, claimManifest("restored", refs), "create", "--namespace", ns, "-f", "-")
	waitReady(t, ns, "restored")

	wantKubectlError(t, "", []string{
		"patch", "buckets.apps.cozystack.io/claimed", "--namespace", ns, "--type=json",
		`--patch=[{"op": "add", "path": "/spec/crossplane/resourceRefs/-", "value": {"apiVersion": "v1", "kind": "Pod", "name": "x"}}]`,
	}, "leave spec.crossplane.resourceRefs out")
}
