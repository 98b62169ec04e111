//go:build e2e

package component

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestLockingIsReadAgain makes a bucket with object locking that the server shows without,
// because its settings were read while it was made. It checks that the Bucket that made it
// becomes ready, and that the server knows the locking again.
func TestLockingIsReadAgain(t *testing.T) {
	startProvider(t)

	ns := newNamespace(t)
	name := makeOutdated(t, ns)

	b := newBucket(ns, name)
	b.Name = name
	b.Spec.ForProvider.ObjectLocking = true
	meta.SetExternalName(b, name)
	meta.SetExternalCreatePending(b, time.Now().Add(-time.Second))
	meta.SetExternalCreateSucceeded(b, time.Now())
	create(t, b)

	await.For(t, "the Bucket to be ready", func() error { return settled(t.Context(), b) })

	if _, _, _, _, err := env.Server.S3.GetObjectLockConfig(t.Context(), name); err != nil {
		t.Errorf("want the server to know the object locking, got %v", err)
	}
}

// TestLockingOfAnotherBucket gives a Bucket with object locking, right after it was made, the name of
// an older bucket without. It expects an error, and no versioning there, which nobody could undo.
func TestLockingOfAnotherBucket(t *testing.T) {
	startProvider(t)

	ctx, ns := t.Context(), newNamespace(t)
	old := ns + "-old"

	if err := env.Server.S3.MakeBucket(ctx, old, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}

	b := newBucket(ns, "new")
	b.Spec.ForProvider.ObjectLocking = true
	create(t, b)
	await.For(t, "the Bucket to be ready", func() error { return settled(ctx, b) })

	name := meta.GetExternalName(b)
	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) { meta.SetExternalName(b, old) })
	await.For(t, "the Bucket to say what is wrong", func() error {
		err := env.Kube.Get(ctx, client.ObjectKeyFromObject(b), b)
		if m := b.GetCondition(xpv1.TypeSynced).Message; err == nil && !strings.Contains(m, "has no object locking") {
			err = fmt.Errorf("Synced says %q", m)
		}

		return err
	})

	if v, err := env.Server.S3.GetBucketVersioning(ctx, old); err != nil || v.Status != "" {
		t.Errorf("want the other bucket to stay as it was, got versioning %q, %v", v.Status, err)
	}

	await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) { meta.SetExternalName(b, name) })
	await.For(t, "the Bucket to be ready again", func() error { return settled(ctx, b) })
}

// makeOutdated makes buckets with object locking while clients read their settings, until the
// server shows one of them without, and returns its name. About one in a hundred is like that.
func makeOutdated(t *testing.T, ns string) string {
	t.Helper()

	s3 := env.Server.S3

	for i := range 5000 {
		name := fmt.Sprintf("%s-%d", ns, i)

		stop := readSettings(t.Context(), s3, name)
		err := s3.MakeBucket(t.Context(), name, miniogo.MakeBucketOptions{ObjectLocking: true})

		stop()

		if err != nil {
			t.Fatal(err)
		}

		if _, _, _, _, err := s3.GetObjectLockConfig(t.Context(), name); err != nil {
			t.Logf("the server shows bucket %d without object locking", i)

			return name
		}

		if err := s3.RemoveBucket(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}

	t.Skip("this server shows no outdated settings")

	return ""
}

// readSettings reads settings of a bucket, which need not exist, again and again.
func readSettings(ctx context.Context, s3 *miniogo.Client, bucket string) (stop func()) {
	var (
		wg      sync.WaitGroup
		stopped atomic.Bool
	)

	for range 6 {
		wg.Go(func() {
			for !stopped.Load() {
				_, _ = s3.GetBucketVersioning(ctx, bucket)
			}
		})
	}

	return func() {
		stopped.Store(true)
		wg.Wait()
	}
}
