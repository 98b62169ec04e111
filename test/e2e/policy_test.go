//go:build e2e

package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

const (
	listPhotos = `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Action":["s3:ListBucket","s3:GetBucketLocation"],"Resource":["arn:aws:s3:::photos"]}]}`
	readPhotos = `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}]}`
)

// newPolicy returns a Policy whose name is unique on the server: it begins with the
// namespace.
func newPolicy(ns, name, document string) *miniov1alpha1.Policy {
	p := &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: ns + "-" + name, Namespace: ns}}
	p.Spec.ForProvider.Document = document

	return p
}

// waitDocument waits until the document of a policy on the server contains a text.
func waitDocument(t *testing.T, name, text string) {
	t.Helper()
	await.For(t, "policy "+name+" to contain "+text, func() error {
		info, err := admin.InfoCannedPolicyV2(t.Context(), name)
		if err == nil && !strings.Contains(string(info.Policy), text) {
			err = errors.New(string(info.Policy))
		}

		return err
	})
}

// TestPolicy checks that a policy is created, changed, restored after drift and deleted,
// and that Synced reports a document that MinIO does not accept.
func TestPolicy(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	p := newPolicy(ns, "photos", listPhotos)
	create(t, p)
	waitAvailable(t, p)
	waitDocument(t, p.Name, "s3:ListBucket")

	await.Change(t, kube, p, func(p *miniov1alpha1.Policy) { p.Spec.ForProvider.Document = readPhotos })
	waitDocument(t, p.Name, "s3:GetObject")

	if err := admin.AddCannedPolicy(ctx, p.Name, []byte(listPhotos)); err != nil {
		t.Fatal(err)
	}

	reconcileNow(t, p)
	waitDocument(t, p.Name, "s3:GetObject")

	for name, document := range map[string]string{
		"NoJSON":        "Version: 2012-10-17",
		"UnknownAction": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Fly"],"Resource":["arn:aws:s3:::photos"]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			await.Change(t, kube, p, func(p *miniov1alpha1.Policy) { p.Spec.ForProvider.Document = document })
			waitCondition(t, p, xpv1.TypeSynced, corev1.ConditionFalse, "spec.forProvider.document is no policy that MinIO takes")
		})
	}

	if err := kube.Delete(ctx, p); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, kube, p)

	if _, err := admin.InfoCannedPolicyV2(ctx, p.Name); madmin.ToErrorResponse(err).Code != "XMinioAdminNoSuchPolicy" {
		t.Errorf("want the policy to be deleted, got %v", err)
	}
}

// TestExistingPolicyIsNotTakenOver checks that a Policy neither changes nor deletes a
// policy that exists already, unless its external name asks to adopt it.
func TestExistingPolicyIsNotTakenOver(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	p := newPolicy(ns, "taken", readPhotos)

	if err := admin.AddCannedPolicy(ctx, p.Name, []byte(listPhotos)); err != nil {
		t.Fatal(err)
	}

	create(t, p)
	waitCondition(t, p, xpv1.TypeSynced, corev1.ConditionFalse, "was not made by this resource")

	if err := kube.Delete(ctx, p); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, kube, p)
	waitDocument(t, p.Name, "s3:ListBucket")

	adopted := newPolicy(ns, "taken", readPhotos)
	meta.SetExternalName(adopted, adopted.Name)
	create(t, adopted)
	waitAvailable(t, adopted)
	waitDocument(t, p.Name, "s3:GetObject")
}
