package bench

import (
	"bytes"
	"context"
	"fmt"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/cistern-dev/cistern/test/clients"
)

// breath is how long nothing must be written before the next claim, so that each
// has the platform for itself.
const breath = 500 * time.Millisecond

// steps of a claim, from when it is sent until its key is known to work.
type steps struct{ pass1, provider, pass2, key, ready, whole []time.Duration }

// latency makes one claim at a time, and times each step of it.
func (b *bench) latency(ctx context.Context, p *Part) error {
	s := &steps{}
	ids := b.spread("latency", b.Latency)

	for _, i := range ids {
		if err := b.watch.quiet(ctx, breath); err != nil {
			return err
		}

		if err := b.claim(ctx, i, s); err != nil {
			return err
		}
	}

	p.spread("claim applied to Ready", "s", 1, s.ready)
	p.spread("  pass 1: applied to resources made", "s", 1, s.pass1)
	p.spread("  provider: made to all of them Ready", "s", 1, s.provider)
	p.spread("  pass 2: Ready to claim Ready", "s", 1, s.pass2)
	p.spread("Secret read, object written with its key", "s", 1, s.key)
	p.spread("claim applied to object written", "s", 1, s.whole)

	_, _, err := b.deleteClaims(ctx, ids)

	return err
}

// claim makes a claim, waits until its key works, and adds what each step took.
func (b *bench) claim(ctx context.Context, i id, s *steps) error {
	composed := as([]id{i}, buckets, users)
	made := b.watch.expect("made", composed, exists)
	done := b.watch.expect("ready", composed, settled)
	ready := b.watch.expect("ready", []id{i}, settled)

	applied := time.Now()
	if err := b.kube.Create(ctx, newClaim(i)); err != nil {
		return fmt.Errorf("cannot make %s: %w", i, err)
	}

	times := make([]time.Time, 0, 3)

	for _, w := range []*wish{made, done, ready} {
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

	s.pass1 = append(s.pass1, times[0].Sub(applied))
	s.provider = append(s.provider, times[1].Sub(times[0]))
	s.pass2 = append(s.pass2, times[2].Sub(times[1]))
	s.ready = append(s.ready, times[2].Sub(applied))
	s.key = append(s.key, used.Sub(read))
	s.whole = append(s.whole, used.Sub(applied))

	return b.tidy(ctx, i)
}

const objectKey = "written"

// useKey writes an object with the key of a claim's Secret, as its tenant would.
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

// tidy removes the object again: a bucket that holds something is not deleted.
func (b *bench) tidy(ctx context.Context, i id) error {
	info, err := clients.BucketInfo(ctx, b.kube, i.namespace, i.name, "")
	if err != nil {
		return err
	}

	return b.admin.S3.RemoveObject(ctx, info.Spec.BucketName, objectKey, miniogo.RemoveObjectOptions{})
}
