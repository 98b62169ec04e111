//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/package/build"
	"github.com/cistern-dev/cistern/test/await"
)

// TestDeletionWhileMinIODown checks that deletions are denied while the server cannot
// be asked whether a bucket is empty, except where the bucket stays on the server.
func TestDeletionWhileMinIODown(t *testing.T) {
	ctx, ns := t.Context(), newNamespace(t)

	applyMinimalClaim(t, ns, "unknown")
	info := waitReady(t, ns, "unknown")

	b := newBucket(ns, "given-up")
	create(t, b)
	waitAvailable(t, b)

	for _, bucket := range []string{info.Spec.BucketName, b.Name} {
		if err := put(ctx, admin.S3, bucket, "precious"); err != nil {
			t.Fatal(err)
		}
	}

	scaleMinIO(t, "0")

	back := false
	t.Cleanup(func() {
		if !back {
			scaleMinIO(t, "1")
		}

		empty(t, admin.S3, info.Spec.BucketName)
	})

	wantDeletionDenied(t, ns, "buckets.apps.cozystack.io/unknown",
		`cannot tell whether bucket "`+info.Spec.BucketName+`" is empty, so nothing was deleted`, "set spec.deletionPolicy of the claim to Retain")
	wantDeletionDenied(t, ns, "buckets.minio.cistern.dev/"+b.Name,
		`cannot tell whether bucket "`+b.Name+`" is empty`, "spec.managementPolicies", "[Observe]")

	await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) {
		b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve}
	})
	mustKubectl(t, "", "delete", "--namespace", ns, "--wait=false", "buckets.minio.cistern.dev/"+b.Name)
	await.Gone(t, kube, b)

	scaleMinIO(t, "1")

	back = true

	wantObjectIntact(t, info.Spec.BucketName)
	wantObjectIntact(t, b.Name)
	waitDeletionDenied(t, ns, "buckets.apps.cozystack.io/unknown", "still holds 1 object")
}

// TestDeletionWhileProviderDown checks that, while no pod serves the webhook, the API
// server denies the deletions that the webhook reviews, and no others; and what tenants
// read of claims that they write meanwhile.
func TestDeletionWhileProviderDown(t *testing.T) {
	ctx, ns := t.Context(), newNamespace(t)

	applyMinimalClaim(t, ns, "waiting")
	info := waitReady(t, ns, "waiting")

	if err := put(ctx, admin.S3, info.Spec.BucketName, "precious"); err != nil {
		t.Fatal(err)
	}

	purge, orphan := newBucket(ns, "purge"), newBucket(ns, "orphan")
	purge.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge
	orphan.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve, xpv1.ManagementActionCreate}

	for _, b := range []*miniov1alpha1.Bucket{purge, orphan} {
		create(t, b)
		waitAvailable(t, b)
	}

	t.Cleanup(func() { empty(t, admin.S3, info.Spec.BucketName) })
	scaleProvider(t, "0")

	wantDeletionDenied(t, ns, "buckets.apps.cozystack.io/waiting", `failed calling webhook "deletion.buckets.apps.cozystack.io"`)
	wantDeletionDenied(t, ns, "buckets.minio.cistern.dev/"+info.Spec.BucketName, `failed calling webhook "deletion.buckets.minio.cistern.dev"`)

	for _, b := range []*miniov1alpha1.Bucket{purge, orphan} {
		for range 2 { // The second time the Bucket is being deleted already.
			mustKubectl(t, "", "delete", "--namespace", ns, "--wait=false", "buckets.minio.cistern.dev/"+b.Name)
		}
	}

	// Claims are accepted, except what the webhook has to write, and what exists is not touched.
	wantKubectlError(t, "{apiVersion: apps.cozystack.io/v1alpha1, kind: Bucket, metadata: {name: minimal}}",
		[]string{"create", "--namespace", ns, "-f", "-"}, `failed calling webhook "spec.buckets.apps.cozystack.io"`)
	applyClaim(t, ns, "during", "{}")
	applyClaim(t, ns, "waiting", "{users: {late: {}}}")
	waitProvisioned(t, ns, "during", tenantv1alpha1.ReasonProvisioning, "")
	waitProvisioned(t, ns, "waiting", tenantv1alpha1.ReasonProvisioning, "")
	wantCredentials(t, ns, "waiting", "")

	if _, err := list(ctx, tenantClient(t, info), info.Spec.BucketName); err != nil {
		t.Errorf("want the key to work while the provider is down, got %v", err)
	}

	// Of two pods the leader reconciles; both serve the webhook.
	scaleProvider(t, "2")
	await.Gone(t, kube, purge)
	await.Gone(t, kube, orphan)
	wantObjectIntact(t, info.Spec.BucketName)
	waitDeletionDenied(t, ns, "buckets.apps.cozystack.io/waiting", "still holds 1 object")
	wantDeniedByEachPod(t, ns, "waiting", 2)

	waitReady(t, ns, "during")
	waitReady(t, ns, "waiting")
	wantCredentials(t, ns, "waiting", "", "late")
}

// waitDeletionDenied checks that a deletion is denied, and waits until the message
// contains a text, which the webhook may not know directly after an outage.
func waitDeletionDenied(t *testing.T, ns, resource, text string) {
	t.Helper()

	await.For(t, "a denial with the message "+text, func() error {
		_, err := plat.Kubectl(t.Context(), "", "delete", "--namespace", ns, "--wait=false", "--dry-run=server", resource)
		if err == nil {
			t.Fatalf("want the deletion of %s to be denied", resource)
		}

		if !strings.Contains(err.Error(), text) {
			return err
		}

		return nil
	})
	wantDeletionDenied(t, ns, resource, text)
}

// wantDeniedByEachPod checks that each of the provider's pods denies the deletion of a
// claim.
func wantDeniedByEachPod(t *testing.T, ns, claim string, pods int) {
	t.Helper()

	cfg, err := clientcmd.BuildConfigFromFlags("", plat.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}

	apiServer, err := rest.HTTPClientFor(cfg)
	if err != nil {
		t.Fatal(err)
	}

	review := `{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "1", "operation": "DELETE", "dryRun": true,
		"kind": {"group": "apps.cozystack.io", "version": "v1alpha1", "kind": "Bucket"},
		"oldObject": ` + mustKubectl(t, "", "get", "--namespace", ns, "buckets.apps.cozystack.io/"+claim, "--output=json") + "}}"

	names := strings.Fields(mustKubectl(t, "", "get", "pods", "--namespace=crossplane-system", "--output=jsonpath={.items[*].metadata.name}",
		"--selector=pkg.crossplane.io/provider="+build.InstalledName(plat.Registry, "provider-minio")))
	if len(names) != pods {
		t.Fatalf("want %d pods, got %q", pods, names)
	}

	for _, name := range names {
		url := cfg.Host + "/api/v1/namespaces/crossplane-system/pods/https:" + name + ":9443/proxy/validate-deletion-of-buckets"

		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(review))
		if err != nil {
			t.Fatal(err)
		}

		req.Header.Set("Content-Type", "application/json")

		rsp, err := apiServer.Do(req)
		if err != nil {
			t.Fatal(err)
		}

		got, err := io.ReadAll(rsp.Body)
		if err := errors.Join(err, rsp.Body.Close()); err != nil {
			t.Fatal(err)
		}

		if !strings.Contains(string(got), `"allowed":false`) || !strings.Contains(string(got), "still holds 1 object") {
			t.Errorf("want pod %s to deny the deletion, got %s", name, got)
		}
	}
}

// scaleProvider sets the number of the provider's pods and waits for it. After the
// test the provider has one pod again.
func scaleProvider(t *testing.T, replicas string) {
	t.Helper()
	scalePackage(t, "provider", "provider-minio", replicas)
}

// scalePackage sets the number of the pods of a package of a kind, provider or function,
// and waits for it. After the test the package has one pod again.
func scalePackage(t *testing.T, kind, name, replicas string) {
	t.Helper()

	const scaled = "e2e-scaled"

	pkg := build.InstalledName(plat.Registry, name)
	use := func(config string) {
		mustKubectl(t, "", "patch", kind+"s.pkg.crossplane.io", pkg, "--type=merge",
			`--patch={"spec":{"runtimeConfigRef":{"name":"`+config+`"}}}`)
	}

	mustKubectl(t, "{apiVersion: pkg.crossplane.io/v1beta1, kind: DeploymentRuntimeConfig, metadata: {name: "+scaled+"}, "+
		"spec: {deploymentTemplate: {spec: {replicas: "+replicas+", selector: {}, template: {}}}}}", "apply", "-f", "-")
	t.Cleanup(func() {
		use("default")
		waitPackage(t, kind, pkg, "1")
		mustKubectl(t, "", "delete", "deploymentruntimeconfigs.pkg.crossplane.io", scaled, "--ignore-not-found")
	})
	use(scaled)
	waitPackage(t, kind, pkg, replicas)
}

// waitPackage waits until a package has a number of pods, and all of them serve.
func waitPackage(t *testing.T, kind, pkg, replicas string) {
	t.Helper()

	await.For(t, "the "+kind+" to have "+replicas+" pods", func() error {
		slices, pods := &discoveryv1.EndpointSliceList{}, &corev1.PodList{}
		if err := errors.Join(
			kube.List(context.Background(), slices,
				client.InNamespace("crossplane-system"), client.MatchingLabels{discoveryv1.LabelServiceName: pkg}),
			kube.List(context.Background(), pods,
				client.InNamespace("crossplane-system"), client.MatchingLabels{"pkg.crossplane.io/" + kind: pkg}),
		); err != nil {
			return err
		}

		ready := 0

		for _, s := range slices.Items {
			for _, e := range s.Endpoints {
				if e.Conditions.Ready != nil && *e.Conditions.Ready {
					ready++
				}
			}
		}

		if fmt.Sprint(ready) != replicas || fmt.Sprint(len(pods.Items)) != replicas {
			return fmt.Errorf("it has %d, %d of them ready", len(pods.Items), ready)
		}

		return nil
	})
}
