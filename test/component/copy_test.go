//go:build e2e

package component

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// ownerUID is the annotation that names the resource which owns the external resource.
const ownerUID = "minio.cistern.dev/owner-uid"

// originals are one resource of each kind, in one namespace. The bucket would be purged.
type originals struct {
	namespace string
	bucket    *miniov1alpha1.Bucket
	user      *miniov1alpha1.User
	policy    *miniov1alpha1.Policy
}

// object is the name of the object in the original's bucket.
const object = "precious"

func newOriginals(t *testing.T) originals {
	t.Helper()

	ns := newNamespace(t)
	o := originals{namespace: ns, bucket: newBucket(ns, "original")}
	o.bucket.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge
	o.user = newUser(ns, "original", miniov1alpha1.Grant{BucketName: o.bucket.Name, Access: miniov1alpha1.AccessReadWrite})
	o.policy = &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: ns + "-original", Namespace: ns}}
	o.policy.Spec.ForProvider.Document = policyDocument("s3:GetObject")

	for _, mg := range o.all() {
		create(t, mg)
	}

	awaitSettled(t, o.all())

	_, err := env.Server.S3.PutObject(t.Context(), o.bucket.Name, object, strings.NewReader("data"), 4, miniogo.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}

	return o
}

func (o originals) all() []resource.Managed { return []resource.Managed{o.bucket, o.user, o.policy} }

// intact returns an error unless all is as it was after newOriginals.
func (o originals) intact(t *testing.T, key miniov1alpha1.Connection) error {
	t.Helper()

	_, err := env.Server.S3.StatObject(t.Context(), o.bucket.Name, object, miniogo.StatObjectOptions{})
	errs := []error{err, works(t.Context(), key)}

	for _, mg := range o.all() {
		errs = append(errs, settled(t.Context(), mg))
	}

	if now, err := connection(t.Context(), o.user); err != nil || now != key {
		errs = append(errs, fmt.Errorf("the published key has changed: %w", err))
	}

	_, err = env.Server.InfoCannedPolicyV2(t.Context(), o.policy.Name)

	return errors.Join(append(errs, err)...)
}

// restore creates a copy of a resource in another namespace, as a backup that is restored
// there is: with all labels, annotations and finalizers, and without a status.
func restore[T resource.Managed](t *testing.T, mg T, namespace string) T {
	t.Helper()

	c, _ := mg.DeepCopyObject().(T)
	c.SetNamespace(namespace)
	c.SetUID("")
	c.SetResourceVersion("")
	c.SetOwnerReferences(nil)
	create(t, c)

	return c
}

// awaitCopy waits until a resource reports that it is a copy of its original.
func awaitCopy(t *testing.T, mg, original resource.Managed) {
	t.Helper()

	await.For(t, mg.GetName()+" to report that it is a copy", func() error {
		if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(mg), mg); err != nil {
			return err
		}

		synced, ready := mg.GetCondition(xpv1.TypeSynced), mg.GetCondition(xpv1.TypeReady)
		for _, want := range []string{"is a copy", string(original.GetUID()), string(mg.GetUID()), meta.GetExternalName(original)} {
			if synced.Status != corev1.ConditionFalse || !strings.Contains(synced.Message, want) || ready.Status != corev1.ConditionFalse {
				return fmt.Errorf("Ready is %s; Synced is %s: %s", ready.Status, synced.Status, synced.Message)
			}
		}

		return nil
	})
}

// TestCopyChangesNothing restores a backup of each kind into another namespace, changes the
// copies and deletes the namespace. Nothing of the originals may change.
func TestCopyChangesNothing(t *testing.T) {
	startProvider(t)

	o := newOriginals(t)

	key, err := connection(t.Context(), o.user)
	if err != nil {
		t.Fatal(err)
	}

	before := inventory(t)
	ns := newNamespace(t)
	b, u, p := restore(t, o.bucket, ns), restore(t, o.user, ns), restore(t, o.policy, ns)

	awaitCopy(t, b, o.bucket)
	awaitCopy(t, u, o.user)
	awaitCopy(t, p, o.policy)

	awaitIdle(t)

	from := env.Proxy.Now()

	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningEnabled) })
	await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = new(false) })
	await.Change(t, env.Kube, p, func(p *miniov1alpha1.Policy) { p.Spec.ForProvider.Document = policyDocument("s3:PutObject") })

	if err := env.Kube.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, env.Kube, p)

	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	if err := env.Kube.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, env.Kube, namespace)

	calls, _ := env.Proxy.Calls(from)
	for _, c := range calls {
		if c.Server == MinIO && c.Write {
			t.Errorf("%s of %q for a copy", c.Operation, c.Object)
		}
	}

	if err := o.intact(t, key); err != nil {
		t.Error(err)
	}

	if diff := cmp.Diff(before, inventory(t)); diff != "" {
		t.Errorf("want the server to hold what it held before the copies: -want, +got:\n%s", diff)
	}

	deleteAll(t, o.all())
}

// TestCopyTakesOver deletes the originals and keeps what they made on the server. Their copies
// take it over once their annotation allows it, and delete it in the end.
func TestCopyTakesOver(t *testing.T) {
	startProvider(t)

	before := inventory(t)
	o := newOriginals(t)
	ns := newNamespace(t)
	b, u, p := restore(t, o.bucket, ns), restore(t, o.user, ns), restore(t, o.policy, ns)

	awaitCopy(t, b, o.bucket)
	awaitCopy(t, u, o.user)
	awaitCopy(t, p, o.policy)

	for _, mg := range o.all() {
		await.Change(t, env.Kube, mg, func(mg resource.Managed) {
			mg.SetManagementPolicies(xpv1.ManagementPolicies{xpv1.ManagementActionObserve})
		})
	}

	deleteAll(t, o.all())

	// Both ways that the message names.
	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) { b.Annotations[ownerUID] = string(b.UID) })
	await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) { delete(u.Annotations, ownerUID) })
	await.Change(t, env.Kube, p, func(p *miniov1alpha1.Policy) { delete(p.Annotations, ownerUID) })

	awaitSettled(t, []resource.Managed{b, u, p})
	await.For(t, "a key that works", func() error { return usable(t, u) })

	if _, err := env.Server.S3.StatObject(t.Context(), meta.GetExternalName(b), object, miniogo.StatObjectOptions{}); err != nil {
		t.Error(err)
	}

	deleteAll(t, []resource.Managed{b, u, p})

	if err := gained(t, before, 0, 0, 0, 0); err != nil {
		t.Error(err)
	}
}

// TestOwnerIsRecordedLater starts the provider for resources that have no owner, as former
// versions created them. It expects their owner to be recorded, and no other change.
func TestOwnerIsRecordedLater(t *testing.T) {
	p := startProvider(t)
	o := newOriginals(t)

	key, err := connection(t.Context(), o.user)
	if err != nil {
		t.Fatal(err)
	}

	awaitIdle(t)
	p.Kill()

	for _, mg := range o.all() {
		await.Change(t, env.Kube, mg, func(mg resource.Managed) { meta.RemoveAnnotations(mg, ownerUID) })
	}

	from := env.Proxy.Now()

	startProvider(t)
	await.For(t, "the owners to be recorded", func() error { return o.intact(t, key) })
	awaitIdle(t)

	calls, _ := env.Proxy.Calls(from)
	writes := map[string]int{}

	for _, c := range calls {
		// While the cache lags behind, an unchanged status may be written again.
		if isChange(c) && !strings.HasSuffix(c.Operation, "/status") {
			writes[c.Operation]++
		}
	}

	if diff := cmp.Diff(map[string]int{"PATCH buckets": 1, "PATCH users": 1, "PATCH policies": 1}, writes); diff != "" {
		t.Errorf("writes: -want, +got:\n%s", diff)
	}

	deleteAll(t, o.all())
}

// deleteAll deletes resources and waits until they are gone.
func deleteAll(t *testing.T, all []resource.Managed) {
	t.Helper()

	for _, mg := range all {
		if err := env.Kube.Delete(t.Context(), mg); err != nil {
			t.Fatal(err)
		}
	}

	for _, mg := range all {
		await.Gone(t, env.Kube, mg)
	}
}
