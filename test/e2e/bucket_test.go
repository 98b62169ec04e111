//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// waitFor waits until get returns a text for a bucket.
func (s bucketSetting) waitFor(t *testing.T, bucket, text string) {
	t.Helper()

	await.For(t, fmt.Sprintf("%s of bucket %q to be %q", s.field, bucket, text), func() error {
		got, err := s.get(t.Context(), bucket)
		if err == nil && got != text {
			err = fmt.Errorf("it is %q", got)
		}

		return err
	})
}

// newSettingBucket creates a Bucket to test a setting. Its bucket is emptied after the
// test.
func newSettingBucket(t *testing.T, s bucketSetting, f func(*miniov1alpha1.BucketParameters)) *miniov1alpha1.Bucket {
	t.Helper()

	b := newBucket(newNamespace(t), strings.ToLower(s.field))
	b.Spec.ForProvider.ObjectLocking = s.locking
	f(&b.Spec.ForProvider)
	create(t, b)
	waitAvailable(t, b)
	t.Cleanup(func() { empty(t, admin.S3, b.Name) })

	return b
}

// waitReconciled waits until the provider has reconciled the current generation of a
// Bucket without an error. To cause a reconcile it changes whenNotEmpty, which changes
// nothing on the server.
func waitReconciled(t *testing.T, b *miniov1alpha1.Bucket) {
	t.Helper()

	await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) {
		for _, w := range []miniov1alpha1.WhenNotEmpty{miniov1alpha1.WhenNotEmptyPurge, miniov1alpha1.WhenNotEmptyRefuse} {
			if b.Spec.ForProvider.WhenNotEmpty != w {
				b.Spec.ForProvider.WhenNotEmpty = w
				return
			}
		}
	})

	await.For(t, "the provider to reconcile "+b.Name, func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(b), b); err != nil {
			return err
		}

		if c := b.GetCondition(xpv1.TypeSynced); c.Status != corev1.ConditionTrue || c.ObservedGeneration != b.Generation {
			return fmt.Errorf("Synced=%s: %s", c.Status, c.Message)
		}

		return nil
	})
}

// TestBucketSettings checks that each setting is applied, changed, restored after an
// administrator changed it on the server, and undone when it is removed.
func TestBucketSettings(t *testing.T) {
	t.Parallel()

	for name, s := range bucketSettings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			b := newSettingBucket(t, s, s.set)
			s.waitFor(t, b.Name, s.wantSet)

			waitReconciled(t, b)

			if got := b.Status.AtProvider.ManagedSettings; !slices.Contains(got, s.field) {
				t.Errorf("%s\nmanagedSettings: want %s to be listed, got %v", s.reason, s.field, got)
			}

			await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) { s.change(&b.Spec.ForProvider) })
			s.waitFor(t, b.Name, s.wantChanged)
			waitReconciled(t, b)

			if err := s.drift(t.Context(), b.Name); err != nil {
				t.Fatalf("%s\ncannot change it on the server: %v", s.reason, err)
			}

			// The drift itself is not checked: a running reconcile may have corrected it already.
			reconcileNow(t, b)
			s.waitFor(t, b.Name, s.wantChanged)

			await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) { s.remove(&b.Spec.ForProvider) })
			s.waitFor(t, b.Name, s.wantRemoved)
			waitReconciled(t, b)

			if got := b.Status.AtProvider.ManagedSettings; slices.Contains(got, s.field) {
				t.Errorf("%s\nmanagedSettings: want %s not to be listed, got %v", s.reason, s.field, got)
			}

			// A setting that is not in the spec is the administrator's.
			if err := s.drift(t.Context(), b.Name); err != nil {
				t.Fatalf("%s\ncannot change it on the server: %v", s.reason, err)
			}

			waitReconciled(t, b)
			s.waitFor(t, b.Name, s.wantDrifted)
		})
	}
}

// TestBucketKeepsUnmanagedSettings checks that the provider leaves settings alone that
// an administrator sets and the Bucket never did.
func TestBucketKeepsUnmanagedSettings(t *testing.T) {
	t.Parallel()

	for name, s := range bucketSettings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			b := newSettingBucket(t, s, func(*miniov1alpha1.BucketParameters) {})

			if err := s.drift(t.Context(), b.Name); err != nil {
				t.Fatalf("%s\ncannot set it on the server: %v", s.reason, err)
			}

			waitReconciled(t, b)

			got, err := s.get(t.Context(), b.Name)
			if err != nil || got != s.wantDrifted {
				t.Errorf("%s\nwant %s to stay %q, got %q, %v", s.reason, s.field, s.wantDrifted, got, err)
			}

			if got := b.Status.AtProvider.ManagedSettings; slices.Contains(got, s.field) {
				t.Errorf("%s\nmanagedSettings: want %s, which the Bucket never set, not to be listed, got %v", s.reason, s.field, got)
			}
		})
	}
}

// TestBucketKeepsRecentUpload checks that a rule that aborts incomplete uploads after
// a day keeps an upload that has just begun.
func TestBucketKeepsRecentUpload(t *testing.T) {
	t.Parallel()

	b := newSettingBucket(t, bucketSettings["Lifecycle"], func(p *miniov1alpha1.BucketParameters) {
		p.Lifecycle = []miniov1alpha1.LifecycleRule{{AbortIncompleteUploadsAfterDays: new(int32(1))}}
	})
	bucketSettings["Lifecycle"].waitFor(t, b.Name, "")

	if err := bucketContents["Upload"].create(t.Context(), admin.S3, b.Name); err != nil {
		t.Fatal(err)
	}

	waitReconciled(t, b)

	uploads := 0

	for u := range admin.S3.ListIncompleteUploads(t.Context(), b.Name, "precious", true) {
		if u.Err != nil {
			t.Fatal(u.Err)
		}

		uploads++
	}

	if uploads != 1 {
		t.Errorf("want the incomplete upload to be kept, got %d uploads", uploads)
	}
}

// TestExistingBucketIsNotTakenOver checks that a Bucket neither manages nor deletes a
// bucket that exists already, unless its external name asks to adopt it.
func TestExistingBucketIsNotTakenOver(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "taken")

	if err := admin.S3.MakeBucket(t.Context(), b.Name, makeOptions); err != nil {
		t.Fatal(err)
	}

	create(t, b)
	waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, "was not made by this resource")

	// Deleting a Bucket that does not own the bucket keeps the bucket.
	if err := kube.Delete(t.Context(), b); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, kube, b)

	if exists, err := admin.S3.BucketExists(t.Context(), b.Name); err != nil || !exists {
		t.Fatalf("want the bucket to be kept, got exists=%t, %v", exists, err)
	}

	adopted := newBucket(ns, "taken")
	meta.SetExternalName(adopted, adopted.Name)
	create(t, adopted)
	waitAvailable(t, adopted)
}
