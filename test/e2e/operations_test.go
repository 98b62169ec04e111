//go:build e2e

package e2e

import (
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

// idleTime is how long tests check that nothing is written. It is longer than the 15
// seconds after which a failing resource is retried.
const idleTime = 18 * time.Second

// TestSteadyState checks that reconciling resources without drift writes nothing.
func TestSteadyState(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	pc := newConfig(t, ns)
	create(t, pc)

	b := newBucketOn(pc)
	create(t, b)

	u := newUser(ns, "steady", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadOnly})
	u.Spec.ProviderConfigReference = b.Spec.ProviderConfigReference
	create(t, u)
	waitAvailable(t, b)
	waitAvailable(t, u)
	waitReason(t, pc, miniov1alpha1.ReasonServerUsable)

	waitNoWrites(t, ns, time.Second)

	// The changed annotation causes a reconcile, which must write nothing.
	reconcileNow(t, b)
	reconcileNow(t, u)

	before := resourceVersions(t, ns)

	time.Sleep(2 * time.Second)

	if after := resourceVersions(t, ns); before != after {
		t.Errorf("want nothing to be written\nbefore %s\nafter  %s", before, after)
	}
}

// TestEventsAreNotRepeated checks that retries of a failing resource change neither its
// conditions nor its events.
func TestEventsAreNotRepeated(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "waiting")
	b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ProviderConfigKind.Kind, Name: "missing"}
	create(t, b)
	waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, "missing")

	// The first retries follow each other within milliseconds.
	time.Sleep(idleTime)

	if err := kube.Get(t.Context(), client.ObjectKeyFromObject(b), b); err != nil {
		t.Fatal(err)
	}

	version := b.ResourceVersion

	time.Sleep(idleTime)

	if err := kube.Get(t.Context(), client.ObjectKeyFromObject(b), b); err != nil {
		t.Fatal(err)
	}

	if b.ResourceVersion != version {
		t.Errorf("want the resource not to be written, got conditions %v", b.Status.Conditions)
	}

	events := &corev1.EventList{}
	if err := kube.List(t.Context(), events, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}

	warnings := int32(0)

	for _, e := range events.Items {
		if e.InvolvedObject.Name == b.Name && e.Type == corev1.EventTypeWarning {
			warnings += e.Count
		}
	}

	if warnings != 1 {
		t.Errorf("want one Warning event, got %d", warnings)
	}
}

// TestSecretIsWatched deletes and edits a User's connection Secret. It checks that the
// Secret is restored without waiting for the next poll.
func TestSecretIsWatched(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "watched")
	create(t, b)

	u := newUser(ns, "watched", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadWrite})
	create(t, u)
	waitAvailable(t, b)
	waitAvailable(t, u)

	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: u.Name}}

	for name, damage := range map[string]func(){
		"Deleted": func() {
			if err := kube.Delete(t.Context(), s.DeepCopy()); err != nil {
				t.Fatal(err)
			}
		},
		"Edited": func() {
			await.Change(t, kube, s, func(s *corev1.Secret) { s.Data[miniov1alpha1.ConnectionKeySecretAccessKey] = nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			damage()
			await.For(t, "the key to work again", func() error {
				_, err := list(t.Context(), userClient(t, u), b.Name)
				return err
			})
		})
	}
}

// TestPausedResource checks that a paused Bucket is not created on the server, until it
// is no longer paused.
func TestPausedResource(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "paused")
	meta.AddAnnotations(b, map[string]string{meta.AnnotationKeyReconciliationPaused: "true"})
	create(t, b)
	waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, "")

	if b.GetCondition(xpv1.TypeSynced).Reason != xpv1.ReasonReconcilePaused {
		t.Errorf("want reason ReconcilePaused, got %s", b.GetCondition(xpv1.TypeSynced).Reason)
	}

	wantBucketExists(t, b.Name, false)

	await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) {
		b.Annotations[meta.AnnotationKeyReconciliationPaused] = "false"
	})
	waitAvailable(t, b)
	wantBucketExists(t, b.Name, true)
}

// TestManagementPolicies checks that a Bucket with the policy Observe changes nothing on
// the server, and that one without Delete keeps its bucket.
func TestManagementPolicies(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)

	t.Run("ObserveOnly", func(t *testing.T) {
		b := newBucket(ns, "observed")
		b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve}
		meta.SetExternalName(b, b.Name)
		create(t, b)
		waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, "")
		wantBucketExists(t, b.Name, false)

		if err := admin.S3.MakeBucket(ctx, b.Name, makeOptions); err != nil {
			t.Fatal(err)
		}

		await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningEnabled) })
		waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionTrue, "")

		if v, err := admin.S3.GetBucketVersioning(ctx, b.Name); err != nil || v.Status != "" {
			t.Errorf("want versioning not to be set, got %q, %v", v.Status, err)
		}

		deleteAndWait(t, b)
		wantBucketExists(t, b.Name, true)
		removeBucket(t, b.Name)
	})

	t.Run("NoDelete", func(t *testing.T) {
		b := newBucket(ns, "kept")
		b.Spec.ManagementPolicies = xpv1.ManagementPolicies{
			xpv1.ManagementActionObserve, xpv1.ManagementActionCreate, xpv1.ManagementActionUpdate, xpv1.ManagementActionLateInitialize,
		}
		create(t, b)
		waitAvailable(t, b)
		deleteAndWait(t, b)
		wantBucketExists(t, b.Name, true)
		removeBucket(t, b.Name)
	})
}

// deleteAndWait deletes a managed resource and waits until it is gone.
func deleteAndWait(t *testing.T, mg resource.Managed) {
	t.Helper()

	if err := kube.Delete(t.Context(), mg); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, kube, mg)
}

// wantBucketExists checks whether a bucket exists on the server.
func wantBucketExists(t *testing.T, name string, want bool) {
	t.Helper()

	if exists, err := admin.S3.BucketExists(t.Context(), name); err != nil || exists != want {
		t.Errorf("want bucket %s to exist: %t, got %t, %v", name, want, exists, err)
	}
}

// removeBucket removes a bucket that no resource manages.
func removeBucket(t *testing.T, name string) {
	t.Helper()

	if err := admin.S3.RemoveBucket(t.Context(), name); err != nil {
		t.Errorf("cannot remove bucket %s: %v", name, err)
	}
}

// TestProviderShutdown checks that the provider's pod stops in time when it is deleted,
// and that the next pod goes on.
func TestProviderShutdown(t *testing.T) {
	before := pod(t, "provider", "provider-minio")
	began := time.Now()

	mustKubectl(t, "", "--namespace", "crossplane-system", "delete", "pod", before.Name, "--wait=true", "--timeout=60s")

	// The kubelet kills a pod that has not stopped after 30 seconds.
	if took := time.Since(began); took > 25*time.Second {
		t.Errorf("want the provider to stop within 25s, it took %s", took)
	}

	ns := newNamespace(t)
	b := newBucket(ns, "after-shutdown")
	create(t, b)
	waitAvailable(t, b)
	t.Logf("from the deletion of one pod to a bucket by the next: %s", time.Since(began).Round(time.Millisecond))
}
