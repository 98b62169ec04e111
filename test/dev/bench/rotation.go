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

// rotation makes claims, has the keys of all of them replaced at once, and deletes
// them at once.
func (b *bench) rotation(ctx context.Context, p *Part) error {
	ids := b.spread("rotation", b.Rotation)
	ready := b.watch.expect("ready", ids, settled)

	if _, err := b.makeClaims(ctx, ids); err != nil {
		return err
	}

	if _, err := ready.wait(ctx); err != nil {
		return err
	}

	if err := b.watch.quiet(ctx, afterwards); err != nil {
		return err
	}

	if err := b.rotate(ctx, p, ids); err != nil {
		return err
	}

	if err := b.watch.quiet(ctx, afterwards); err != nil {
		return err
	}

	sent, left, err := b.deleteClaims(ctx, ids)
	if err != nil {
		return err
	}

	n := len(ids)
	p.value("deleted claims: gone a second, until all are", "1/s", n, rate(sent, left))
	p.spread("deleted claims: deleted to all of it gone", "s", 1, between(sent, left))

	return nil
}

// rotate has all keys replaced, and times until the claims tell of the new ones,
// which is once their Secrets hold them.
func (b *bench) rotate(ctx context.Context, p *Part, ids []id) error {
	before := make(map[string]string, len(ids))

	for _, i := range ids {
		o := b.watch.get(i)
		if keyID(o) == "" {
			return fmt.Errorf("%s is ready, and does not tell the ID of its key", i)
		}

		before[string(o.UID)] = keyID(o)
	}

	rotated := b.watch.expect("ready with another key", ids, func(o *object) bool {
		return settled(o) && keyID(o) != "" && keyID(o) != before[string(o.UID)]
	})

	var sent, done map[id]time.Time

	u, _, err := b.during(ctx, b.providerUsage, func() (err error) {
		if sent, err = b.askForKeys(ctx, ids); err != nil {
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
	p.spread("rotated claims: asked for to new key in the Secret", "s", 1, between(sent, done))
	p.value("rotated claims: calls of MinIO", "each", n, u.calls.sum()/float64(n))

	return b.checkKeys(ctx, ids)
}

// askForKeys asks for new keys of all claims, and returns when it did. The old
// ones work for another hour, so that retiring them is not part of it.
func (b *bench) askForKeys(ctx context.Context, ids []id) (map[id]time.Time, error) {
	sent := newMoments(len(ids))

	return sent.at, each(ctx, ids, hands, func(ctx context.Context, i id) error {
		c := newClaim(i)
		c.Spec.Rotation = &tenantv1alpha1.Rotation{Trigger: "benchmark", Overlap: &metav1.Duration{Duration: time.Hour}}

		sent.add(i)

		if err := b.kube.Patch(ctx, c, client.MergeFrom(newClaim(i))); err != nil {
			return fmt.Errorf("cannot ask for a new key of %s: %w", i, err)
		}

		return nil
	})
}

// checkKeys returns an error unless each claim's Secret holds the key that the
// claim tells of: otherwise something else was measured.
func (b *bench) checkKeys(ctx context.Context, ids []id) error {
	return each(ctx, ids, hands, func(ctx context.Context, i id) error {
		info, err := clients.BucketInfo(ctx, b.kube, i.namespace, i.name, "")
		if err != nil {
			return err
		}

		if want, got := keyID(b.watch.get(i)), info.Spec.SecretS3.AccessKeyID; want != got {
			return fmt.Errorf("%s tells of the key %q, and its Secret holds %q", i, want, got)
		}

		return nil
	})
}

// keyID returns the ID of a claim's own key, or nothing.
func keyID(o *object) string {
	if o == nil || len(o.Status.Credentials) == 0 {
		return ""
	}

	return o.Status.Credentials[0].AccessKeyID
}
