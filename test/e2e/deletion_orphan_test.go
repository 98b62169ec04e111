//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestClaimIsNotOrphaned deletes a claim in every way that would keep its bucket and
// keys without the claim. It checks that each deletion is denied, and that the claim
// can still be deleted with everything that belongs to it.
func TestClaimIsNotOrphaned(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "owned", "{}")
	info := waitReady(t, ns, "owned")

	const claim, text = "buckets.apps.cozystack.io/owned", "would stay without a claim"

	wantKubectlError(t, "", []string{"delete", claim, "--namespace", ns, "--cascade=orphan", "--wait=false"}, text)

	deprecated := &client.DeleteOptions{Raw: &metav1.DeleteOptions{OrphanDependents: new(true)}} //nolint:staticcheck // It is what is tested. //nolint:staticcheck // Clients may still set the deprecated field.
	if err := kube.Delete(t.Context(), getClaim(t, ns, "owned"), deprecated); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("want the deletion with orphanDependents to be denied, got %v", err)
	}

	mustKubectl(t, "", "patch", claim, "--namespace", ns, "--type=json", `--patch=[{"op": "add", "path": "/metadata/finalizers/-", "value": "orphan"}]`)

	if err := kube.Delete(t.Context(), getClaim(t, ns, "owned")); err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("want the deletion with the finalizer orphan to be denied, got %v", err)
	}

	// kubectl deletes in the background by default, which removes the finalizer.
	deleteClaim(t, ns, "owned")
	waitNothingLeft(t, ns, info)
}

// TestForgedReview sends reviews to the provider's webhook as any pod can. It checks
// that they do not disclose what a bucket holds that the review names.
func TestForgedReview(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	victim := newVictim(t).Spec.BucketName

	b := newBucket(ns, "reviewed")
	create(t, b)
	waitAvailable(t, b)
	b.SetGroupVersionKind(miniov1alpha1.BucketKind)
	meta.SetExternalName(b, victim)

	if r := review(t, b); !r.Allowed {
		t.Errorf("want the review to be about the bucket of the stored Bucket, which is empty, got %q", r.Result.Message)
	}

	b.SetUID("0")

	if r := review(t, b); r.Allowed || !strings.Contains(r.Result.Message, "there is no Bucket") {
		t.Errorf("want the review of an unknown Bucket to fail, got %+v", r.Result)
	}
}

// review sends the review of a Bucket's deletion to the provider's webhook.
func review(t *testing.T, b *miniov1alpha1.Bucket) *admissionv1.AdmissionResponse {
	t.Helper()

	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}

	r := &admissionv1.AdmissionReview{Request: &admissionv1.AdmissionRequest{
		UID: "1", Operation: admissionv1.Delete, Kind: metav1.GroupVersionKind(miniov1alpha1.BucketKind), OldObject: runtime.RawExtension{Raw: raw},
	}}
	r.SetGroupVersionKind(admissionv1.SchemeGroupVersion.WithKind("AdmissionReview"))

	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}

	cfg, err := clientcmd.BuildConfigFromFlags("", plat.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}

	clients, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}

	answer, err := clients.CoreV1().RESTClient().Post().Namespace(crossplaneNamespace).Resource("pods").
		Name("https:"+pod(t, "provider", "provider-minio").Name+":9443").SubResource("proxy").Suffix("validate-deletion-of-buckets").
		SetHeader("Content-Type", "application/json").Body(body).DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	if err := json.Unmarshal(answer, r); err != nil || r.Response == nil {
		t.Fatalf("the webhook did not answer with a review: %v: %s", err, answer)
	}

	return r.Response
}
