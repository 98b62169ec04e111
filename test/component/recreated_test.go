//go:build e2e

package component

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestRecreated removes a bucket by hand, twice. Each time it is made anew, with a warning and a
// condition that stays until the annotation is removed.
func TestRecreated(t *testing.T) {
	startProvider(t, "--poll-interval=2s")

	ns := newNamespace(t)
	b := newBucket(ns, "lost")
	create(t, b)
	await.For(t, "the Bucket to be ready", func() error { return settled(t.Context(), b) })

	if s := b.GetCondition(miniov1alpha1.ConditionRecreated).Status; s != corev1.ConditionUnknown {
		t.Errorf("want no condition Recreated at first, got %s", s)
	}

	for n := 1; n <= 2; n++ {
		if err := env.Server.S3.RemoveBucket(t.Context(), b.Name); err != nil {
			t.Fatal(err)
		}

		await.For(t, "the bucket to be made anew", func() error {
			exists, err := env.Server.S3.BucketExists(t.Context(), b.Name)
			if err == nil && !exists {
				return errors.New("it does not exist")
			}

			return err
		})
		await.For(t, "the condition and the warning", func() error {
			if err := settled(t.Context(), b); err != nil {
				return err
			}

			if c := b.GetCondition(miniov1alpha1.ConditionRecreated); c.Status != corev1.ConditionTrue {
				return fmt.Errorf("the condition Recreated is %s", c.Status)
			}

			events := &corev1.EventList{}
			if err := env.Kube.List(t.Context(), events, client.InNamespace(ns)); err != nil {
				return err
			}

			warnings := int32(0)

			for _, e := range events.Items {
				if e.Reason == string(miniov1alpha1.ReasonRecreated) && e.Type == corev1.EventTypeWarning {
					warnings += max(e.Count, 1)
				}
			}

			if warnings != int32(n) {
				return fmt.Errorf("%d warnings of %d", warnings, n)
			}

			return nil
		})
	}

	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) { delete(b.Annotations, miniov1alpha1.AnnotationRecreatedAt) })
	await.For(t, "the condition to end", func() error {
		if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(b), b); err != nil {
			return err
		}

		if c := b.GetCondition(miniov1alpha1.ConditionRecreated); c.Status != corev1.ConditionFalse {
			return fmt.Errorf("the condition Recreated is %s", c.Status)
		}

		return nil
	})

	if err := env.Kube.Delete(t.Context(), b); err != nil {
		t.Error(err)
	}

	await.Gone(t, env.Kube, b)
}
