//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// Kinds of a backup, in the order in which Velero restores them, and annotations.
var (
	backupKinds = []string{"Secret", "Claim", "Bucket", "User"}

	kindsToGVK = map[string][2]string{
		"Secret": {"v1", "Secret"}, "Claim": {"apps.cozystack.io/v1alpha1", "Bucket"},
		"Bucket": {"minio.cistern.dev/v1alpha1", "Bucket"}, "User": {"minio.cistern.dev/v1alpha1", "User"},
	}
)

// backup holds the objects of a namespace, by kind.
type backup map[string][]unstructured.Unstructured

func listKind(t *testing.T, ns, kind string) []unstructured.Unstructured {
	t.Helper()

	l := &unstructured.UnstructuredList{}
	l.SetAPIVersion(kindsToGVK[kind][0])
	l.SetKind(kindsToGVK[kind][1] + "List")

	if err := kube.List(t.Context(), l, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}

	return l.Items
}

func newBackup(t *testing.T, ns string) backup {
	t.Helper()

	b := backup{}
	for _, kind := range backupKinds {
		b[kind] = listKind(t, ns, kind)
	}

	return b
}

// lose removes claims, resources and Secrets of a namespace, and leaves everything on the server, as the
// loss of a cluster does.
func lose(t *testing.T, ns string) {
	t.Helper()

	const managed = "buckets.minio.cistern.dev,users.minio.cistern.dev"

	mustKubectl(t, "", "annotate", "--namespace", ns, managed, "--all", "crossplane.io/paused=true")
	mustKubectl(t, "", "delete", "--namespace", ns, "buckets.apps.cozystack.io", "--all")

	await.For(t, "everything to be lost", func() error {
		left := 0

		for _, kind := range backupKinds {
			for _, o := range listKind(t, ns, kind) {
				left++

				if len(o.GetFinalizers()) > 0 && o.GetDeletionTimestamp() != nil {
					o.SetFinalizers(nil)
					_ = kube.Update(t.Context(), &o)
				}
			}
		}

		if left > 0 {
			return fmt.Errorf("%d objects are left", left)
		}

		return nil
	})
}

// restore creates the objects of some kinds as a backup does: without UID, version and status, and without
// owners unless these are kept. It returns when the API server has them.
func (b backup) restore(t *testing.T, keepOwners bool, kinds ...string) {
	t.Helper()

	for _, kind := range kinds {
		for _, o := range b[kind] {
			o := o.DeepCopy()
			delete(o.Object, "status")

			for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"} {
				unstructured.RemoveNestedField(o.Object, "metadata", field)
			}

			if !keepOwners {
				o.SetOwnerReferences(nil)
			}

			create(t, o)
		}
	}
}

// takeOver is the step of the platform team that docs/restore.md describes.
func takeOver(t *testing.T, ns string) {
	t.Helper()
	mustKubectl(t, "", "annotate", "--namespace", ns, "buckets.minio.cistern.dev,users.minio.cistern.dev", "--all",
		"minio.cistern.dev/owner-uid-")
}

// restorable is a claim with an object and a further user, its backup, and the key that was made after it.
type restorable struct {
	ns     string
	info   tenantv1alpha1.BucketInfo
	reader tenantv1alpha1.BucketInfo
	lost   tenantv1alpha1.BucketInfo
	backup backup
}

// newRestorable makes a claim, whose bucket Kubernetes' garbage collector would purge, backs it up, rotates its
// keys once more, and loses all of it.
func newRestorable(t *testing.T) restorable {
	t.Helper()

	const spec = "{deletionPolicy: Delete, users: {reader: {readonly: true}}, rotation: {overlap: 0s, trigger: %s}}"

	r := restorable{ns: newNamespace(t)}
	applyClaim(t, r.ns, "prod", fmt.Sprintf(spec, "first"))

	waitReady(t, r.ns, "prod")
	r.rotate(t, fmt.Sprintf(spec, "second"))

	r.info, r.reader = waitReady(t, r.ns, "prod"), getBucketInfo(t, r.ns, "prod", "reader")
	if err := put(t.Context(), admin.S3, r.info.Spec.BucketName, "precious"); err != nil {
		t.Fatal(err)
	}

	waitNoWrites(t, r.ns, time.Second)

	r.backup = newBackup(t, r.ns)
	r.rotate(t, fmt.Sprintf(spec, "third"))
	r.lost = waitReady(t, r.ns, "prod")
	lose(t, r.ns)

	return r
}

// rotate applies the claim with another trigger and waits for the next key of each user.
func (r restorable) rotate(t *testing.T, spec string) {
	t.Helper()

	users := []string{"", "reader"}

	was := map[string]string{}
	for _, user := range users {
		was[user] = getBucketInfo(t, r.ns, "prod", user).Spec.SecretS3.AccessKeyID
	}

	applyClaim(t, r.ns, "prod", spec)

	await.For(t, "the next keys", func() error {
		for _, user := range users {
			if getBucketInfo(t, r.ns, "prod", user).Spec.SecretS3.AccessKeyID == was[user] {
				return errors.New("the key of user \"" + user + "\" is the same")
			}
		}

		return nil
	})
	waitReady(t, r.ns, "prod")
}

// wantRestored waits until the claim is ready on the old bucket, with the object, and wants exactly the given
// keys to work.
func (r restorable) wantRestored(t *testing.T, sameKeys bool) {
	t.Helper()

	now := waitReady(t, r.ns, "prod")
	if now.Spec.BucketName != r.info.Spec.BucketName || getClaim(t, r.ns, "prod").Status.BucketName != r.info.Spec.BucketName {
		t.Fatalf("want the bucket %q, got %q", r.info.Spec.BucketName, now.Spec.BucketName)
	}

	wantObjectIntact(t, now.Spec.BucketName)

	if sameKeys && now.Spec.SecretS3 != r.info.Spec.SecretS3 {
		t.Errorf("want the key of the backup, %s, got %s", r.info.Spec.SecretS3.AccessKeyID, now.Spec.SecretS3.AccessKeyID)
	}

	if reader := getBucketInfo(t, r.ns, "prod", "reader"); sameKeys && reader.Spec.SecretS3 != r.reader.Spec.SecretS3 {
		t.Errorf("want the reader's key of the backup, %s, got %s", r.reader.Spec.SecretS3.AccessKeyID, reader.Spec.SecretS3.AccessKeyID)
	}

	if _, err := tenantClient(t, now).StatObject(t.Context(), now.Spec.BucketName, "precious", statOptions); err != nil {
		t.Errorf("want the claim's key to work, got %v", err)
	}

	waitKeyRejected(t, r.lost)

	if !sameKeys {
		waitKeyRejected(t, r.info)
		waitKeyRejected(t, r.reader)
	}
}

// wantNothingElse wants the claim's namespace to have the Bucket of the backup only.
func (r restorable) wantNothingElse(t *testing.T) {
	t.Helper()

	buckets := listKind(t, r.ns, "Bucket")
	names := make([]string, 0, len(buckets))

	for _, b := range buckets {
		names = append(names, b.GetName())
	}

	if want := []string{r.backup["Bucket"][0].GetName()}; !slices.Equal(names, want) {
		t.Errorf("want the Buckets %q, got %q", want, names)
	}
}

// TestRestore restores a namespace after the loss of the cluster in each order. The claim must wait with a step
// that a person can do, and be ready on the old bucket, with the keys of the backup, once it is done.
func TestRestore(t *testing.T) {
	t.Parallel()

	for name, phases := range map[string][][]string{
		"ClaimFirst":     {{"Secret", "Claim"}, {"Bucket", "User"}},
		"ManagedFirst":   {{"Bucket", "User"}, {"Secret", "Claim"}},
		"WithoutSecrets": {{"Claim"}, {"Bucket", "User"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			r := newRestorable(t)
			r.backup.restore(t, false, phases[0]...)

			if phases[0][len(phases[0])-1] == "Claim" {
				waitProvisioned(t, r.ns, "prod", tenantv1alpha1.ReasonWaitingForRestore, "restore the Buckets and Users of this namespace, too")
			}

			r.backup.restore(t, false, phases[1]...)
			waitProvisioned(t, r.ns, "prod", tenantv1alpha1.ReasonWaitingForBucket, "is a copy")
			wantObjectIntact(t, r.info.Spec.BucketName)

			takeOver(t, r.ns)
			r.wantRestored(t, name != "WithoutSecrets")
			r.wantNothingElse(t)
		})
	}
}

// TestRestoreWithOwners restores a namespace with the references to owners that are gone, so that Kubernetes
// deletes what was restored. The bucket must not be purged, and a second restore, as the claim asks, must work.
func TestRestoreWithOwners(t *testing.T) {
	t.Parallel()

	r := newRestorable(t)
	r.backup.restore(t, true, "Bucket", "User", "Secret", "Claim")

	await.For(t, "Kubernetes to delete what was restored", func() error {
		if n := len(listKind(t, r.ns, "Bucket")) + len(listKind(t, r.ns, "User")) + len(listKind(t, r.ns, "Secret")); n > 0 {
			return fmt.Errorf("%d objects are left", n)
		}

		return nil
	})
	waitProvisioned(t, r.ns, "prod", tenantv1alpha1.ReasonWaitingForRestore, "without ownerReferences")
	wantObjectIntact(t, r.info.Spec.BucketName)

	r.backup.restore(t, false, "Secret", "Bucket", "User")
	waitProvisioned(t, r.ns, "prod", tenantv1alpha1.ReasonWaitingForBucket, "is a copy")

	takeOver(t, r.ns)
	r.wantRestored(t, true)
}

// TestRestoreClaimsOnly restores claims and Secrets of a backup that has no other kinds. The platform team
// creates Bucket and Users anew, as docs/restore.md says.
func TestRestoreClaimsOnly(t *testing.T) {
	t.Parallel()

	r := newRestorable(t)
	for i := range r.backup["Claim"] {
		unstructured.RemoveNestedField(r.backup["Claim"][i].Object, "spec", "crossplane")
	}

	// Of the Secrets, the backup has those of the tenant.
	r.backup["Secret"] = slices.DeleteFunc(r.backup["Secret"], func(s unstructured.Unstructured) bool {
		return s.GetLabels()[tenantv1alpha1.LabelUserSecret] != "true"
	})
	r.backup.restore(t, false, "Secret", "Claim")
	waitProvisioned(t, r.ns, "prod", tenantv1alpha1.ReasonSecretConflict, `of bucket "`+r.info.Spec.BucketName+`"`)

	if n := len(listKind(t, r.ns, "Bucket")); n > 0 {
		t.Errorf("want no new bucket, got %d", n)
	}

	mustKubectl(t, r.manifests(), "apply", "--namespace", r.ns, "-f", "-")
	r.wantRestored(t, false)
	r.wantNothingElse(t)
}

// manifests are those of docs/restore.md for a claim with a user "reader".
func (r restorable) manifests() string {
	var all strings.Builder

	write := func(kind, name, as, external, spec string) {
		fmt.Fprintf(&all, `---
apiVersion: minio.cistern.dev/v1alpha1
kind: %s
metadata:
  name: %s
  labels:
    crossplane.io/composite: prod
  annotations:
    crossplane.io/composition-resource-name: %s
    crossplane.io/external-name: %s
spec:
  providerConfigRef: {kind: ClusterProviderConfig, name: default}
%s`, kind, name, as, external, spec)
	}

	bucket := r.info.Spec.BucketName
	write("Bucket", bucket, "bucket", bucket, "  forProvider: {}\n")

	for _, u := range r.backup["User"] {
		as, user := "user", strings.TrimPrefix(u.GetName(), bucket)
		write("User", u.GetName(), as+user, u.GetAnnotations()["crossplane.io/external-name"],
			"  writeConnectionSecretToRef: {name: "+strings.Replace(u.GetName(), "bucket-", "user-", 1)+"}\n"+
				"  forProvider:\n    grants: [{bucketName: "+bucket+"}]\n")
	}

	return all.String()
}

// TestRestoreIsNoWayIn has a tenant imitate the claim of another namespace whose resources were lost and
// restored: with its name, the annotation and its Secrets. It must not get the bucket.
func TestRestoreIsNoWayIn(t *testing.T) {
	t.Parallel()

	r, ns := newRestorable(t), newNamespace(t)
	r.backup.restore(t, false, "Bucket", "User", "Secret", "Claim")
	waitProvisioned(t, r.ns, "prod", tenantv1alpha1.ReasonWaitingForBucket, "is a copy")

	wantForbidden(t, ns, "get", "buckets.minio.cistern.dev")

	as := []string{"--as=tenant", "--as-group=tenants:" + ns, "--namespace", ns}
	claim := `{apiVersion: apps.cozystack.io/v1alpha1, kind: Bucket, metadata: {name: prod, annotations: {` +
		tenantv1alpha1.AnnotationRestores + `: ` + r.info.Spec.BucketName + `}}, spec: {}}`
	mustKubectl(t, claim, append([]string{"apply", "-f", "-"}, as...)...)
	waitProvisioned(t, ns, "prod", tenantv1alpha1.ReasonWaitingForRestore, "remove the annotation")

	if n := len(listKind(t, ns, "Bucket")) + len(listKind(t, ns, "User")); n > 0 {
		t.Errorf("want nothing to be composed, got %d objects", n)
	}

	mustKubectl(t, "", append([]string{"annotate", "buckets.apps.cozystack.io/prod", tenantv1alpha1.AnnotationRestores + "-"}, as...)...)

	got := waitReady(t, ns, "prod")
	if got.Spec.BucketName == r.info.Spec.BucketName {
		t.Fatal("the tenant got the bucket")
	}

	_, err := tenantClient(t, got).StatObject(t.Context(), r.info.Spec.BucketName, "precious", statOptions)
	wantDenied(t, "reading the object", err)

	// The owner's restore goes on.
	takeOver(t, r.ns)
	r.wantRestored(t, true)
}

// TestClaimOfLostBucket removes the bucket of a claim on the server. The claim must say that it was made anew,
// with one warning, until that is acknowledged.
func TestClaimOfLostBucket(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "robbed", "{}")

	bucket := waitReady(t, ns, "robbed").Spec.BucketName
	if err := admin.S3.RemoveBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}

	// Buckets are polled after half a minute; a change of the resource does not wait for that.
	resource := "buckets.minio.cistern.dev/" + bucket
	mustKubectl(t, "", "label", "--namespace", ns, resource, "looked-at=now")

	recreated := func(status corev1.ConditionStatus) func() error {
		return func() error {
			c := getClaim(t, ns, "robbed").Status.GetCondition(tenantv1alpha1.ConditionRecreated)
			if c.Status != status || (status == corev1.ConditionTrue && !strings.Contains(c.Message, bucket)) {
				return fmt.Errorf("the condition is %q: %s", c.Status, c.Message)
			}

			return nil
		}
	}

	await.For(t, "the claim to say that its bucket was made anew", recreated(corev1.ConditionTrue))
	waitReady(t, ns, "robbed")

	// Further runs of the function repeat nothing.
	applyClaim(t, ns, "robbed", "{quota: 1Gi}")
	waitReady(t, ns, "robbed")

	events := &corev1.EventList{}
	if err := kube.List(t.Context(), events, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}

	count := int32(0)

	for _, e := range events.Items {
		if e.InvolvedObject.Name == "robbed" && e.Type == corev1.EventTypeWarning && strings.Contains(e.Message, "made anew") {
			count += max(e.Count, 1)
		}
	}

	if count != 1 {
		t.Errorf("want one warning on the claim, got %d", count)
	}

	mustKubectl(t, "", "annotate", "--namespace", ns, resource, "minio.cistern.dev/recreated-at-")
	await.For(t, "the loss to be acknowledged", recreated(corev1.ConditionFalse))
}
