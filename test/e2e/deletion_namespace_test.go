//go:build e2e

package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cistern-dev/cistern/test/await"
)

// TestNamespaceDeletionBlocked deletes a namespace with a bucket that is not empty. It
// checks that the namespace reports the bucket, that its Secrets are deleted, and that
// it is gone soon after the bucket is emptied.
func TestNamespaceDeletionBlocked(t *testing.T) {
	t.Parallel()

	for name, createBucket := range map[string]func(t *testing.T, ns string) string{
		"Claim": func(t *testing.T, ns string) string {
			t.Helper()
			applyMinimalClaim(t, ns, "held")

			return waitReady(t, ns, "held").Spec.BucketName
		},
		"OwnServer": func(t *testing.T, ns string) string {
			t.Helper()

			pc := newConfig(t, ns)
			create(t, pc)

			b := newBucketOn(pc)
			create(t, b)
			waitAvailable(t, b)

			return b.Name
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			ctx := t.Context()
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-held-"}}
			create(t, ns)

			bucket := createBucket(t, ns.Name)
			if err := put(ctx, admin.S3, bucket, "precious"); err != nil {
				t.Fatal(err)
			}

			if err := kube.Delete(ctx, ns); err != nil {
				t.Fatal(err)
			}

			await.For(t, "the namespace to report the bucket", func() error {
				if err := kube.Get(ctx, client.ObjectKeyFromObject(ns), ns); err != nil {
					return err
				}

				for _, c := range ns.Status.Conditions {
					if c.Type == corev1.NamespaceDeletionContentFailure && c.Status == corev1.ConditionTrue {
						if strings.Contains(c.Message, `bucket "`+bucket+`" still holds 1 object`) {
							return nil
						}

						return errors.New(c.Message)
					}
				}

				return errors.New("it has no such condition")
			})

			secrets := &corev1.SecretList{}
			if err := kube.List(ctx, secrets, client.InNamespace(ns.Name)); err != nil || len(secrets.Items) > 0 {
				t.Fatalf("want all Secrets of the namespace to be deleted, got %d, %v", len(secrets.Items), err)
			}

			wantDeletionDenied(t, ns.Name, "buckets.minio.cistern.dev/"+bucket, "still holds 1 object")
			wantObjectIntact(t, bucket)

			emptied := time.Now()

			empty(t, admin.S3, bucket)

			await.Gone(t, kube, ns)
			t.Logf("the namespace was gone %s after its bucket was emptied", time.Since(emptied).Round(time.Second))

			if exists, err := admin.S3.BucketExists(ctx, bucket); err != nil || exists {
				t.Errorf("want the bucket to be removed, got exists=%t, %v", exists, err)
			}
		})
	}
}
