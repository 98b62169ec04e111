//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// newBucket returns a Bucket whose name is unique on the server: it begins with
// the namespace.
func newBucket(ns, name string) *miniov1alpha1.Bucket {
	return &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: ns + "-" + name, Namespace: ns}}
}

func create(t *testing.T, o client.Object) {
	t.Helper()

	if err := kube.Create(t.Context(), o); err != nil {
		t.Fatalf("cannot create %s: %v", o.GetName(), err)
	}
}

// waitCondition waits until a managed resource's condition has a status and its
// message contains a text.
func waitCondition(t *testing.T, mg resource.Managed, typ xpv1.ConditionType, status corev1.ConditionStatus, text string) {
	t.Helper()

	await.For(t, fmt.Sprintf("%s to be %s=%s", mg.GetName(), typ, status), func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(mg), mg); err != nil {
			return err
		}

		if c := mg.GetCondition(typ); c.Status != status || !strings.Contains(c.Message, text) {
			return fmt.Errorf("%s=%s: %s; Synced: %s", typ, c.Status, c.Message, mg.GetCondition(xpv1.TypeSynced).Message)
		}

		return nil
	})
}

func waitAvailable(t *testing.T, mg resource.Managed) {
	t.Helper()
	waitCondition(t, mg, xpv1.TypeReady, corev1.ConditionTrue, "")
}

// reconcileNow makes the provider reconcile a resource at once, without waiting for
// the next poll. It changes an annotation.
func reconcileNow(t *testing.T, mg resource.Managed) {
	t.Helper()
	await.Change(t, kube, mg, func(mg resource.Managed) {
		meta.AddAnnotations(mg, map[string]string{"e2e/reconcile": time.Now().String()})
	})
}

// TestExamples applies the examples of managed resources unchanged and checks that
// they become Ready and do what they say. Package extras tests the examples that
// need more than the platform's MinIO.
func TestExamples(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)

	args := append(make([]string, 0, 1+len(examplesInUse)), "--namespace="+ns)

	for _, f := range examplesInUse {
		args = append(args, "--filename="+filepath.Join(repo, "examples", f+".yaml"))
	}

	mustKubectl(t, "", append([]string{"apply", "--server-side"}, args...)...)
	mustKubectl(t, "", append([]string{"wait", "--for=condition=Ready", "--timeout=180s"}, args...)...)
	wantAppliedAgain(t, "", args)

	b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "example-photos", Namespace: ns}}
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: "example-photos-reader", Namespace: ns}}
	waitAvailable(t, b)
	waitAvailable(t, &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "example-invoices", Namespace: ns}})
	waitAvailable(t, u)
	t.Cleanup(func() { empty(t, admin.S3, b.Name) })

	ctx := t.Context()
	if err := put(ctx, admin.S3, b.Name, "photo"); err != nil {
		t.Fatal(err)
	}

	s3 := userClient(t, u)

	if _, err := s3.StatObject(ctx, b.Name, "photo", statOptions); err != nil {
		t.Errorf("read: %v", err)
	}

	wantDenied(t, "write", put(ctx, s3, b.Name, "another"))
	wantDenied(t, "delete", remove(ctx, s3, b.Name, "photo"))
	wantDenied(t, "set a bucket policy", s3.SetBucketPolicy(ctx, b.Name, `{"Version":"2012-10-17","Statement":[]}`))

	g, err := admin.GetGroupDescription(ctx, "example-analysts")
	if err != nil || len(g.Members) != 1 || g.Policy != "example-list-photos" {
		t.Errorf("want a group with one member and policy example-list-photos, got %+v, %v", g, err)
	}

	if p, err := admin.S3.GetBucketPolicy(ctx, "example-gallery"); err != nil || p == "" {
		t.Errorf("want bucket example-gallery to have a policy, got %q, %v", p, err)
	}
}
