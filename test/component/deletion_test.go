//go:build e2e

package component

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestClaimIsNotOrphaned expects every deletion of a claim that would keep its dependents to be
// denied, also while an earlier one waits.
func TestClaimIsNotOrphaned(t *testing.T) {
	p, _, as := startClaims(t)
	ctx, ns := t.Context(), newNamespace(t)

	c := newClaim(t, ns, "{}")
	c.SetFinalizers([]string{metav1.FinalizerOrphanDependents, "cistern.dev/test"})

	if err := as.tenant.Create(ctx, c); err != nil {
		t.Fatal(err)
	}

	denied := func(how string, options ...client.DeleteOption) {
		t.Helper()

		if err := as.tenant.Delete(ctx, c, options...); err == nil || !strings.Contains(err.Error(), "would stay without a claim") {
			t.Errorf("want the deletion %s to be denied, got %v", how, err)
		}
	}

	policy := client.PropagationPolicy(metav1.DeletePropagationOrphan)
	deprecated := &client.DeleteOptions{Raw: &metav1.DeleteOptions{OrphanDependents: new(true)}} //nolint:staticcheck // It is what is tested. //nolint:staticcheck // Clients may still set the deprecated field.

	denied("with the finalizer")
	denied("with the policy", policy)
	denied("with the deprecated option", deprecated)

	collection := newClaim(t, ns, "{}")
	if err := as.tenant.DeleteAllOf(ctx, collection, client.InNamespace(ns), policy); err == nil {
		t.Error("want the deletion of all claims with the policy to be denied")
	}

	if err := as.tenant.Delete(ctx, c, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatalf("want the deletion with another policy to be accepted, got %v", err)
	}

	denied("for the second time, with the policy", policy)
	denied("for the second time, with the deprecated option", deprecated)

	// Without the options a second deletion changes nothing.
	p.Kill()

	if err := as.tenant.Delete(ctx, c); err != nil {
		t.Errorf("want a second deletion not to need the webhook, got %v", err)
	}

	if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(c), c); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"cistern.dev/test"}, c.GetFinalizers()); diff != "" {
		t.Errorf("finalizers: -want, +got:\n%s", diff)
	}

	c.SetFinalizers(nil)

	if err := env.Kube.Update(ctx, c); err != nil {
		t.Error(err)
	}
}

// TestForgedReview sends reviews to the deletion webhook as any client can. It checks that the
// webhook does not disclose what a bucket holds that the review names.
func TestForgedReview(t *testing.T) {
	_, w, _ := startClaims(t)
	ctx, ns := t.Context(), newNamespace(t)

	b := newBucket(ns, "reviewed")
	create(t, b)
	await.For(t, "the Bucket to be ready", func() error { return settled(ctx, b) })

	precious := newBucket(ns, "precious")
	create(t, precious)
	await.For(t, "the other Bucket to be ready", func() error { return settled(ctx, precious) })

	s3 := env.Server.S3
	put := strings.NewReader("some text")

	if _, err := s3.PutObject(ctx, precious.Name, "object", put, put.Size(), miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		_ = s3.RemoveObject(context.Background(), precious.Name, "object", miniogo.RemoveObjectOptions{})
	})

	forged := b.DeepCopy()
	meta.SetExternalName(forged, precious.Name)

	if r := w.review(t, forged); !r.Allowed {
		t.Errorf("want the review of an empty bucket's Bucket to say that it is empty, got %+v", r.Result)
	}

	forged.UID = "0"
	if r := w.review(t, forged); r.Allowed || !strings.Contains(r.Result.Message, "there is no Bucket") {
		t.Errorf("want the review of an unknown Bucket to fail, got %+v", r.Result)
	}

	if r := w.review(t, precious); r.Allowed || !strings.Contains(r.Result.Message, "still holds 1 object") {
		t.Errorf("want the deletion to be denied, got %+v", r.Result)
	}
}

// review sends the review of a Bucket's deletion to the webhook.
func (w webhooks) review(t *testing.T, b *miniov1alpha1.Bucket) *admissionv1.AdmissionResponse {
	t.Helper()

	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}

	review := &admissionv1.AdmissionReview{Request: &admissionv1.AdmissionRequest{
		UID: "1", Operation: admissionv1.Delete, Kind: metav1.GroupVersionKind(miniov1alpha1.BucketKind), OldObject: runtime.RawExtension{Raw: raw},
	}}
	review.SetGroupVersionKind(admissionv1.SchemeGroupVersion.WithKind("AdmissionReview"))

	body, err := json.Marshal(review)
	if err != nil {
		t.Fatal(err)
	}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+w.address+"/validate-deletion-of-buckets", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	req.Header.Set("Content-Type", "application/json")

	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(env.ca.Cert)

	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}

	rsp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer rsp.Body.Close()

	review = &admissionv1.AdmissionReview{}
	if err := json.NewDecoder(rsp.Body).Decode(review); err != nil || review.Response == nil {
		t.Fatal(errors.Join(err, errors.New("the webhook did not answer with a review")))
	}

	return review.Response
}
