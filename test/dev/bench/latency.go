package bench

import (
	"bytes"
	"context"
	"fmt"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/cistern-dev/cistern/test/clients"
)

// pause is how long no object may change before the next claim, so that no claim
// shares the platform with the previous one.
const pause = 500 * time.Millisecond

// steps are the durations of each step of each claim, from the request to create it
// until its key has been used.
type steps struct{ firstPass, provider, secondPass, key, ready, whole []time.Duration }

// latency creates one claim at a time, and measures the duration of each step.
func (b *bench) latency(ctx context.Context, p *Part) error {
	s := &steps{}
	ids := b.names("latency", b.Latency)

	for _, i := range ids {
		if err := b.watch.awaitQuiet(ctx, pause); err != nil {
			return err
		}

		if err := b.claim(ctx, i, s); err != nil {
			return err
		}
	}

	p.percentiles("claim applied to Ready", "s", 1, s.ready)
	p.percentiles("  pass 1: applied to resources created", "s", 1, s.firstPass)
	p.percentiles("  provider: created to all of them Ready", "s", 1, s.provider)
	p.percentiles("  pass 2: Ready to claim Ready", "s", 1, s.secondPass)
	p.percentiles("Secret read, object written with its key", "s", 1, s.key)
	p.percentiles("claim applied to object written", "s", 1, s.whole)

	_, _, err := b.deleteClaims(ctx, ids)

	return err
}

// claim creates a claim, uses its key once it is ready, and adds the durations of
// its steps.
func (b *bench) claim(ctx context.Context, i id, s *steps) error {
	composed := withKinds([]id{i}, buckets, users)
	made := b.watch.expect("created", composed, exists)
	done := b.watch.expect("ready", composed, settled)
	ready := b.watch.expect("ready", []id{i}, settled)

	applied := time.Now()
	if err := b.kube.Create(ctx, newClaim(i)); err != nil {
		return fmt.Errorf("cannot create %s: %w", i, err)
	}

	times := make([]time.Time, 0, 3)

	for _, w := range []*expectation{made, done, ready} {
		at, err := w.wait(ctx)
		if err != nil {
			return err
		}

		times = append(times, last(at))
	}

	read := time.Now()
	if err := b.useKey(ctx, i); err != nil {
		return err
	}

	used := time.Now()

	s.firstPass = append(s.firstPass, times[0].Sub(applied))
	s.provider = append(s.provider, times[1].Sub(times[0]))
	s.secondPass = append(s.secondPass, times[2].Sub(times[1]))
	s.ready = append(s.ready, times[2].Sub(applied))
	s.key = append(s.key, used.Sub(read))
	s.whole = append(s.whole, used.Sub(applied))

	return b.removeObject(ctx, i)
}

const objectKey = "written"

// useKey writes an object with the key of a claim's Secret, as a tenant does.
func (b *bench) useKey(ctx context.Context, i id) error {
	info, err := clients.BucketInfo(ctx, b.kube, i.namespace, i.name, "")
	if err != nil {
		return err
	}

	s3, err := clients.Tenant(b.platform, info)
	if err != nil {
		return err
	}

	_, err = s3.PutObject(ctx, info.Spec.BucketName, objectKey, bytes.NewReader([]byte("x")), 1, miniogo.PutObjectOptions{})
	if err != nil {
		return fmt.Errorf("the key of %s does not work: %w", i, err)
	}

	return nil
}

// removeObject removes the object, because a bucket that holds objects is not
// deleted.
func (b *bench) removeObject(ctx context.Context, i id) error {
	info, err := clients.BucketInfo(ctx, b.kube, i.namespace, i.name, "")
	if err != nil {
		return err
	}

	return b.admin.S3.RemoveObject(ctx, info.Spec.BucketName, objectKey, miniogo.RemoveObjectOptions{})
}
