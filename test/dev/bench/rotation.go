package bench

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/clients"
)

// rotation creates claims, rotates the keys of all of them at once, and deletes all
// of them at once.
func (b *bench) rotation(ctx context.Context, p *Part) error {
	ids := b.names("rotation", b.Rotation)
	ready := b.watch.expect("ready", ids, settled)

	if _, err := b.makeClaims(ctx, ids); err != nil {
		return err
	}

	if _, err := ready.wait(ctx); err != nil {
		return err
	}

	if err := b.watch.awaitQuiet(ctx, settleTime); err != nil {
		return err
	}

	if err := b.rotate(ctx, p, ids); err != nil {
		return err
	}

	if err := b.watch.awaitQuiet(ctx, settleTime); err != nil {
		return err
	}

	sent, deleted, err := b.deleteClaims(ctx, ids)
	if err != nil {
		return err
	}

	n := len(ids)
	p.value("deleted claims: gone a second, until all are", "1/s", n, rate(sent, deleted))
	p.percentiles("deleted claims: deleted to all resources gone", "s", 1, between(sent, deleted))

	return nil
}

// rotate requests new keys, and measures the time until the claims' statuses show
// them. By then the Secrets hold them.
func (b *bench) rotate(ctx context.Context, p *Part, ids []id) error {
	before := make(map[string]string, len(ids))

	for _, i := range ids {
		o := b.watch.get(i)
		if keyID(o) == "" {
			return fmt.Errorf("%s is ready, but its status has no access key", i)
		}

		before[string(o.UID)] = keyID(o)
	}

	rotated := b.watch.expect("ready with another key", ids, func(o *object) bool {
		return settled(o) && keyID(o) != "" && keyID(o) != before[string(o.UID)]
	})

	var sent, done map[id]time.Time

	u, _, err := b.during(ctx, b.providerUsage, func() (err error) {
		if sent, err = b.requestKeys(ctx, ids); err != nil {
			return err
		}

		done, err = rotated.wait(ctx)

		return err
	})
	if err != nil {
		return err
	}

	n := len(ids)
	p.value("rotated claims: rotated a second, until all are", "1/s", n, rate(sent, done))
	p.percentiles("rotated claims: requested to new key in the Secret", "s", 1, between(sent, done))
	p.value("rotated claims: calls to MinIO", "each", n, u.calls.sum()/float64(n))

	return b.checkKeys(ctx, ids)
}

// requestKeys requests new keys for all claims, and returns when it did. The overlap
// of an hour excludes the removal of the old keys from the measurement.
func (b *bench) requestKeys(ctx context.Context, ids []id) (map[id]time.Time, error) {
	sent := newTimestamps(len(ids))

	return sent.at, each(ctx, ids, concurrency, func(ctx context.Context, i id) error {
		c := newClaim(i)
		c.Spec.Rotation = &tenantv1alpha1.Rotation{Trigger: "benchmark", Overlap: &metav1.Duration{Duration: time.Hour}}

		sent.add(i)

		if err := b.kube.Patch(ctx, c, client.MergeFrom(newClaim(i))); err != nil {
			return fmt.Errorf("cannot request a new key for %s: %w", i, err)
		}

		return nil
	})
}

// checkKeys returns an error unless each claim's Secret holds the access key of the
// claim's status, which is what rotate takes for granted.
func (b *bench) checkKeys(ctx context.Context, ids []id) error {
	return each(ctx, ids, concurrency, func(ctx context.Context, i id) error {
		info, err := clients.BucketInfo(ctx, b.kube, i.namespace, i.name, "")
		if err != nil {
			return err
		}

		if want, got := keyID(b.watch.get(i)), info.Spec.SecretS3.AccessKeyID; want != got {
			return fmt.Errorf("%s has the access key %q in its status, but its Secret holds %q", i, want, got)
		}

		return nil
	})
}

// keyID returns the access key of a claim's status, or "" if it has none.
func keyID(o *object) string {
	if o == nil || len(o.Status.Credentials) == 0 {
		return ""
	}

	return o.Status.Credentials[0].AccessKeyID
}
