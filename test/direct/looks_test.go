//go:build e2e

package direct

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	ilm "github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
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

	p := startProvider(t, "--poll-interval="+interval.String())
	ns := newNamespace(t)

	all := make([]resource.Managed, 0, buckets)
	for i := range buckets {
		b := newBucket(ns, fmt.Sprintf("many-%02d", i))
		b.Spec.ForProvider = everySetting()
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

	t.Run("Drift", func(t *testing.T) { drift(t, all) })

	for _, mg := range all {
		if err := bed.Kube.Delete(t.Context(), mg); err != nil {
			t.Error(err)
		}
	}

	for _, mg := range all {
		eventually(t, mg.GetName()+" to be gone", func() error { return gone(t.Context(), mg) })
	}
}

// drift undoes a setting of each of some buckets by hand, and removes one.
func drift(t *testing.T, all []resource.Managed) {
	t.Helper()

	s3 := bed.Server.S3

	undo := []func(ctx context.Context, bucket string) error{
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

	// Meanwhile the provider cannot mend it.
	bed.Wire.Stop(func(c Call) Outage {
		if c.Server == MinIO && c.Write {
			return Broken
		}

		return None
	})
	t.Cleanup(func() { bed.Wire.Stop(nil) })

	for i, f := range undo {
		name := all[i].GetName()
		if err := f(t.Context(), name); err != nil {
			t.Fatal(err)
		}

		if serves(t.Context(), name, everySettingServed) == nil {
			t.Fatalf("bucket %q: nothing was undone", name)
		}
	}

	bed.Wire.Stop(nil)

	for i := range undo {
		eventually(t, all[i].GetName()+" to be as it should", func() error {
			return serves(t.Context(), all[i].GetName(), everySettingServed)
		})
	}
}
