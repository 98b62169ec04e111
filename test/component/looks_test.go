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

// TestLooks leaves many Buckets alone: they are polled by looking at all at once.
// What somebody changes by hand is found all the same.
func TestLooks(t *testing.T) {
	const (
		buckets  = 60
		polls    = 4
		interval = 4 * time.Second
		// most calls of MinIO for each poll of a Bucket.
		most = 0.2
		// workers may each be at a poll that is not counted yet.
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
			// Versions can be suspended only where nothing can be locked.
			b.Spec.ForProvider.ObjectLocking, b.Spec.ForProvider.Retention = false, nil
		}

		all = append(all, b)
		create(t, b)
	}

	awaitSettled(t, all)

	// The first poll after a change is a closer look.
	awaitPolls(t, p, all, 2)

	before, from := reconcilesNow(t, p)["bucket"], bed.Wire.Now()

	awaitPolls(t, p, all, polls)

	calls, _ := bed.Wire.Calls(from)
	calls = slices.DeleteFunc(calls, func(c Call) bool { return c.Server != MinIO })
	polled := reconcilesNow(t, p)["bucket"] - before

	t.Logf("%d polls, %d calls of MinIO, %.3f each", polled, len(calls), float64(len(calls))/float64(polled))

	if float64(len(calls)) > most*float64(polled+workers) {
		t.Errorf("want at most %.1f calls for each of %d polls, got %d: %v", most, polled, len(calls), calls)
	}

	t.Run("Drift", func(t *testing.T) {
		// The provider is there, and cannot mend it at once.
		bed.Wire.Stop(func(c Call) Outage {
			if c.Server == MinIO && c.Write {
				return Broken
			}

			return None
		})
		t.Cleanup(func() { bed.Wire.Stop(nil) })

		drift(t, all, func() { bed.Wire.Stop(nil) })
	})

	p.Kill()

	t.Run("DriftWhileAway", func(sub *testing.T) {
		drift(sub, all, func() { startProvider(t, args...) })
	})

	for _, mg := range all {
		if err := bed.Kube.Delete(t.Context(), mg); err != nil {
			t.Error(err)
		}
	}

	for _, mg := range all {
		await.Gone(t, bed.Kube, mg)
	}
}

// drift changes by hand a setting of each of some buckets, and removes one, then
// lets the provider mend it.
func drift(t *testing.T, all []resource.Managed, mend func()) {
	t.Helper()

	s3 := bed.Server.S3

	unlocked := maps.Clone(everySettingServed)
	delete(unlocked, "retention")

	amiss := func(i int) error {
		if i == 0 {
			return serves(t.Context(), all[i].GetName(), unlocked)
		}

		return serves(t.Context(), all[i].GetName(), everySettingServed)
	}

	changes := []func(ctx context.Context, bucket string) error{
		// The first is the one without object locking.
		s3.SuspendVersioning,
		func(ctx context.Context, b string) error { return s3.SetObjectLockConfig(ctx, b, nil, nil, nil) },
		func(ctx context.Context, b string) error {
			return bed.Server.SetBucketQuota(ctx, b, &madmin.BucketQuota{})
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

		if amiss(i) == nil {
			t.Fatalf("bucket %q: nothing was changed", name)
		}
	}

	mend()

	for i := range changes {
		await.For(t, all[i].GetName()+" to be as it should", func() error { return amiss(i) })
	}
}
