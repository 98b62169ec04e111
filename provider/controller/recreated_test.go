package controller

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// TestRecreated makes a bucket, and makes it anew twice after it was lost. It expects a warning
// for each loss, also of the second within an hour, and a condition that ends after a day or
// when the annotation is removed.
func TestRecreated(t *testing.T) {
	now := time.Date(2026, time.November, 26, 7, 0, 0, 0, time.UTC)
	events, external := &providertest.Events{}, &buckets{}
	b := providertest.NewBucket(miniov1alpha1.ProviderConfigKind.Kind)

	c := withServerHealth[*miniov1alpha1.Bucket]{
		client: managed.TypedExternalClient[*miniov1alpha1.Bucket](external), server: &fakeChecker{},
		kind: "Bucket", record: reconciler.NewChangeRecorder(events), now: func() time.Time { return now },
	}

	create := func() {
		t.Helper()

		external.created = false

		if _, err := c.Create(t.Context(), b); err != nil {
			t.Fatal(err)
		}

		meta.SetExternalCreateSucceeded(b, now)
	}
	condition := func(want corev1.ConditionStatus) {
		t.Helper()

		if _, err := c.Observe(t.Context(), b); err != nil {
			t.Fatal(err)
		}

		got := b.GetCondition(miniov1alpha1.ConditionRecreated)
		if got.Status != want || (want == corev1.ConditionTrue && !strings.Contains(got.Message, "empty")) {
			t.Errorf("want the condition Recreated to be %s, got %s: %s", want, got.Status, got.Message)
		}
	}

	create()
	condition(corev1.ConditionUnknown)

	if len(events.Messages) != 0 {
		t.Errorf("want no event for the first creation, got %q", events.Messages)
	}

	for range 2 {
		now = now.Add(time.Minute)

		create()
		condition(corev1.ConditionTrue)
	}

	if len(events.Messages) != 2 {
		t.Errorf("want an event for each loss, got %q", events.Messages)
	}

	delete(b.Annotations, miniov1alpha1.AnnotationRecreatedAt)
	condition(corev1.ConditionFalse)
	create()
	condition(corev1.ConditionTrue)

	now = now.Add(recreatedFor)

	condition(corev1.ConditionFalse)

	// An adopted bucket was never created.
	b.Annotations = nil
	b.SetConditions(xpv1.Available())
	create()
	condition(corev1.ConditionTrue)

	// A restored bucket is younger than the intent to create it.
	b.Status.Conditions = nil
	b.Annotations = nil
	meta.SetExternalCreatePending(b, now)
	create()
	condition(corev1.ConditionUnknown)

	b.Annotations = nil
	b.CreationTimestamp = metav1.NewTime(now.Add(time.Minute))
	meta.SetExternalCreatePending(b, now)
	create()
	condition(corev1.ConditionTrue)

	// Nothing is added to what is being deleted.
	b.DeletionTimestamp = new(metav1.NewTime(now))
	b.Status.Conditions = nil
	condition(corev1.ConditionUnknown)
}

// TestRecreatedUser wants the message of a User not to say that its key was replaced: it gets
// the key that is stored.
func TestRecreatedUser(t *testing.T) {
	got := recreatedMessage(&miniov1alpha1.User{}, miniov1alpha1.UserKind.Kind, "now")
	if strings.Contains(got, "replaced") || !strings.Contains(got, "earlier keys that were still retiring") {
		t.Errorf("recreatedMessage(...): want only what a User loses, got %q", got)
	}
}
