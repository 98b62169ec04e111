//go:build e2e

package component

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	ilm "github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/test/await"
)

// The name of this file puts it before those whose tests leave buckets and users behind,
// which would be polled and counted, too.

// TestBucketSnapshots polls many unchanged Buckets: snapshots of all buckets must answer
// the polls with few calls. Changes by hand must be found nevertheless.
func TestBucketSnapshots(t *testing.T) {
	const (
		buckets  = 60
		polls    = 4
		interval = 4 * time.Second
		// most is the highest number of calls of MinIO per poll of a Bucket.
		most = 0.2
		// workers is the number of polls that may be in progress and not counted yet.
		workers = 10
	)

	args := []string{"--poll-interval=" + interval.String()}
	p := startProvider(t, args...)
	ns := newNamespace(t)

	all := make([]resource.Managed, 0, buckets)
	for i := range buckets {
		b := newBucket(ns, fmt.Sprintf("many-%02d", i))
		b.Spec.ForProvider = everySetting()

		if i == 0 {
			// Versioning can be suspended only without object locking.
			b.Spec.ForProvider.ObjectLocking, b.Spec.ForProvider.Retention = false, nil
		}

		all = append(all, b)
		create(t, b)
	}

	awaitSettled(t, all)

	// The first poll after a change reads the bucket itself.
	awaitPolls(t, p, all, 2)

	before, from := reconcilesNow(t, p)["bucket"], env.Proxy.Now()

	awaitPolls(t, p, all, polls)

	calls, _ := env.Proxy.Calls(from)
	calls = slices.DeleteFunc(calls, func(c Call) bool { return c.Server != MinIO })
	polled := reconcilesNow(t, p)["bucket"] - before

	t.Logf("%d polls, %d calls of MinIO, %.3f each", polled, len(calls), float64(len(calls))/float64(polled))

	if float64(len(calls)) > most*float64(polled+workers) {
		t.Errorf("want at most %.1f calls for each of %d polls, got %d: %v", most, polled, len(calls), calls)
	}

	t.Run("Drift", func(t *testing.T) {
		// The provider runs, but must not revert the changes before all are made.
		env.Proxy.SetOutage(func(c Call) Outage {
			if c.Server == MinIO && c.Write {
				return Broken
			}

			return None
		})
		t.Cleanup(func() { env.Proxy.SetOutage(nil) })

		drift(t, all, func() { env.Proxy.SetOutage(nil) })
	})

	p.Kill()

	t.Run("DriftWhileStopped", func(sub *testing.T) {
		drift(sub, all, func() { startProvider(t, args...) })
	})

	for _, mg := range all {
		if err := env.Kube.Delete(t.Context(), mg); err != nil {
			t.Error(err)
		}
	}

	for _, mg := range all {
		await.Gone(t, env.Kube, mg)
	}
}

// drift changes a setting of some buckets by hand, and removes one bucket. Then it calls
// resume, after which the provider must revert everything.
func drift(t *testing.T, all []resource.Managed, resume func()) {
	t.Helper()

	s3 := env.Server.S3

	unlocked := maps.Clone(everySettingServed())
	delete(unlocked, "retention")

	reverted := func(i int) error {
		if i == 0 {
			return serves(t.Context(), all[i].GetName(), unlocked)
		}

		return serves(t.Context(), all[i].GetName(), everySettingServed())
	}

	changes := []func(ctx context.Context, bucket string) error{
		// The first bucket has no object locking.
		s3.SuspendVersioning,
		func(ctx context.Context, b string) error { return s3.SetObjectLockConfig(ctx, b, nil, nil, nil) },
		func(ctx context.Context, b string) error {
			return env.Server.SetBucketQuota(ctx, b, &madmin.BucketQuota{})
		},
		func(ctx context.Context, b string) error {
			return s3.SetBucketLifecycle(ctx, b, ilm.NewConfiguration())
		},
		s3.RemoveBucketTagging,
		s3.RemoveBucketEncryption,
		func(ctx context.Context, b string) error { return s3.SetBucketPolicy(ctx, b, "") },
		func(ctx context.Context, b string) error {
			return s3.RemoveBucketWithOptions(ctx, b, miniogo.RemoveBucketOptions{})
		},
	}

	for i, f := range changes {
		name := all[i].GetName()
		if err := f(t.Context(), name); err != nil {
			t.Fatal(err)
		}

		if reverted(i) == nil {
			t.Fatalf("bucket %q: the change had no effect", name)
		}
	}

	resume()

	for i := range changes {
		await.For(t, all[i].GetName()+" to be reverted", func() error { return reverted(i) })
	}
}
