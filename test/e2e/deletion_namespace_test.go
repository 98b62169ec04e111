//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
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

// TestNamespaceDeletionKeepsKeys deletes many namespaces whose buckets are not empty, as a user who
// has saved the keys. It checks that every key works until its bucket is empty: Kubernetes deletes the
// Secrets before the Users, and the loss of a Secret must not replace a key.
func TestNamespaceDeletionKeepsKeys(t *testing.T) {
	t.Parallel()

	const n = 20

	ctx := t.Context()
	namespaces, keys := make([]*corev1.Namespace, n), make([]tenantv1alpha1.BucketInfo, n)

	for i := range n {
		namespaces[i] = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-saved-"}}
		create(t, namespaces[i])
		applyMinimalClaim(t, namespaces[i].Name, "saved")
	}

	for i, ns := range namespaces {
		keys[i] = waitReady(t, ns.Name, "saved")

		if err := put(ctx, tenantClient(t, keys[i]), keys[i].Spec.BucketName, "precious"); err != nil {
			t.Fatal(err)
		}
	}

	for _, ns := range namespaces {
		if err := kube.Delete(ctx, ns); err != nil {
			t.Fatal(err)
		}
	}

	for _, ns := range namespaces {
		await.For(t, "the Secrets of the namespace to be deleted", func() error {
			secrets := &corev1.SecretList{}
			if err := kube.List(ctx, secrets, client.InNamespace(ns.Name)); err != nil || len(secrets.Items) > 0 {
				return fmt.Errorf("there are %d, %w", len(secrets.Items), err)
			}

			return nil
		})
	}

	// The Users learn of the loss of their Secrets at once, and retry within seconds.
	time.Sleep(idleTime)

	for _, k := range keys {
		if err := put(ctx, tenantClient(t, k), k.Spec.BucketName, "later"); err != nil {
			t.Errorf("want the saved key to work while the bucket is not empty, got %v", err)
		}

		empty(t, admin.S3, k.Spec.BucketName)
	}

	for i, ns := range namespaces {
		await.Gone(t, kube, ns)
		waitKeyRejected(t, keys[i])
	}
}
