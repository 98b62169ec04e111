package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// restarted restarts the provider while there are as many resources as steady has
// at most, and times until it has confirmed each of them.
func (b *bench) restarted(ctx context.Context, p *Part) error {
	if err := b.pollOften(ctx); err != nil {
		return err
	}

	if err := b.populate(ctx, slices.Max(b.Resources)/2); err != nil {
		return err
	}

	written, err := b.writes(ctx)
	if err != nil {
		return err
	}

	old, err := b.providerUsage(ctx)
	if err != nil {
		return err
	}

	began := time.Now()
	if err := b.restart(ctx); err != nil {
		return err
	}

	u, err := b.awaitConfirmed(ctx, old)
	if err != nil {
		return err
	}

	n := 2 * len(b.population)
	of := fmt.Sprintf("%d resources", n)

	p.value(of+": pod deleted to all confirmed", "s", n, u.at.Sub(began).Seconds())
	p.value(of+": process began to all confirmed", "s", n, float64(u.at.UnixMilli())/1e3-u.started)
	p.value(of+": reconciles", "in all", n, u.reconciles.sum())
	p.value(of+": reconciles that failed", "in all", n, u.failed)
	p.value(of+": calls of MinIO", "each", n, u.calls.sum()/float64(n))
	p.counts(of+": calls of MinIO", "in all", u.calls, 1)
	p.value(of+": requests to the API server", "each", n, u.requests.sum()/float64(n))
	p.counts(of+": requests to the API server", "in all", u.requests, 1)

	after, err := b.writes(ctx)
	if err != nil {
		return err
	}

	p.value(of+": writes of resources", "in all", n, after.since(written).sum())
	p.value(of+": CPU of the provider", "s", n, u.cpu)
	p.value(of+": memory of the provider", "MB", 1, u.memory/1e6)

	return nil
}

// awaitConfirmed returns what another process than the old one has done by the
// time that it has reconciled each resource and has no more to do.
func (b *bench) awaitConfirmed(ctx context.Context, old usage) (usage, error) {
	var u usage

	err := b.await(ctx, "the provider to look at all resources", func() error {
		var err error
		if u, err = b.providerUsage(ctx); err != nil {
			return err
		}

		if u.pod == old.pod && u.started == old.started {
			return errors.New("it is not restarted yet")
		}

		for controller := range controllers {
			if n := u.reconciles[controller]; int(n) < len(b.population) {
				return fmt.Errorf("%g of %d by %s", n, len(b.population), controller)
			}
		}

		if u.waiting > 0 {
			return fmt.Errorf("%g are waiting", u.waiting)
		}

		return nil
	})

	return u, err
}
