//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

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
		UID: "1", Operation: admissionv1.Delete, Kind: metav1.GroupVersionKind(miniov1alpha1.BucketKind),
		OldObject: runtime.RawExtension{Raw: raw},
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

// TestMetricsOfPods pins what any pod reads at the provider's metrics without a NetworkPolicy: the
// names and sizes of all buckets, and no key and no ID of one. See docs/security.md.
func TestMetricsOfPods(t *testing.T) {
	t.Parallel()

	victim := newVictim(t)
	url := "/api/v1/namespaces/crossplane-system/pods/" + pod(t, "provider", "provider-minio").Name + ":8080/proxy/metrics"

	var metrics string

	await.For(t, "the bucket in the metrics", func() error {
		metrics = mustKubectl(t, "", "get", "--raw", url)
		if !strings.Contains(metrics, victim.Spec.BucketName) {
			return fmt.Errorf("%q is not in the metrics: if they no longer name buckets, correct docs/security.md", victim.Spec.BucketName)
		}

		return nil
	})

	for name, text := range map[string]string{"ID": victim.Spec.SecretS3.AccessKeyID, "key": victim.Spec.SecretS3.AccessSecretKey} {
		if strings.Contains(metrics, text) {
			t.Errorf("want no access %s in the metrics", name)
		}
	}
}

// TestNetworkPolicySelectsProviders checks that the example's NetworkPolicy selects the pods that
// serve metrics and webhooks of all providers, and that it lets pods reach neither port.
func TestNetworkPolicySelectsProviders(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile(filepath.Join(repo, "examples", "platform", "network-policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	policy := &networkingv1.NetworkPolicy{}
	if err := yaml.UnmarshalStrict(text, policy); err != nil {
		t.Fatal(err)
	}

	selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
	if err != nil {
		t.Fatal(err)
	}

	for _, name := range []string{"provider-minio", "provider-minio-extras"} {
		p := pod(t, "provider", name)

		// The local registry is a part of the name of an installed package.
		p.Labels["pkg.crossplane.io/provider"] = "cistern-dev-" + name
		if p.Namespace != policy.Namespace || !selector.Matches(labels.Set(p.Labels)) {
			t.Errorf("want the policy to select the pod of %s", name)
		}
	}

	mustKubectl(t, string(text), "apply", "--dry-run=server", "-f", "-")
}

// TestFunctionHasNoRights checks that the function, which sees claims and their Secrets, can do
// nothing in the cluster with the account of its pod.
func TestFunctionHasNoRights(t *testing.T) {
	t.Parallel()

	account := "system:serviceaccount:" + crossplaneNamespace + ":" + pod(t, "function", "function-bucket").Spec.ServiceAccountName

	for _, args := range [][]string{
		{"get", "secrets"}, {"list", "secrets"}, {"get", "buckets.apps.cozystack.io"}, {"list", "buckets.minio.cistern.dev"},
		{"create", "pods"}, {"get", "namespaces"}, {"*", "*"},
	} {
		// can-i fails if the answer is no.
		out, err := plat.Kubectl(t.Context(), "", append([]string{"auth", "can-i", "--all-namespaces", "--as=" + account}, args...)...)
		if err == nil || strings.TrimSpace(out) != "no" {
			t.Errorf("want the function not to %s, got %s", strings.Join(args, " "), out)
		}
	}
}
