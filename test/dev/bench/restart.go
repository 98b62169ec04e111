package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// providerRestart restarts the provider with as many resources as steady has at
// most, and measures the time until it has observed each of them.
func (b *bench) providerRestart(ctx context.Context, p *Part) error {
	if err := b.shortenPollInterval(ctx); err != nil {
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
	if err := b.restartProvider(ctx); err != nil {
		return err
	}

	u, err := b.awaitConfirmed(ctx, old)
	if err != nil {
		return err
	}

	n := 2 * len(b.population)
	subject := fmt.Sprintf("%d resources", n)

	p.value(subject+": pod deleted to all confirmed", "s", n, u.at.Sub(began).Seconds())
	p.value(subject+": process started to all confirmed", "s", n, float64(u.at.UnixMilli())/1e3-u.started)
	p.value(subject+": reconciles", "total", n, u.reconciles.sum())
	p.value(subject+": reconciles that failed", "total", n, u.failed)
	p.value(subject+": calls to MinIO", "each", n, u.calls.sum()/float64(n))
	p.counts(subject+": calls to MinIO", "total", u.calls, 1)
	p.value(subject+": requests to the API server", "each", n, u.requests.sum()/float64(n))
	p.counts(subject+": requests to the API server", "total", u.requests, 1)

	after, err := b.writes(ctx)
	if err != nil {
		return err
	}

	p.value(subject+": writes of resources", "total", n, after.since(written).sum())
	p.value(subject+": CPU of the provider", "s", n, u.cpu)
	p.value(subject+": memory of the provider", "MB", 1, u.memory/1e6)

	return nil
}

// awaitConfirmed waits until a new process of the provider has reconciled each
// resource, and no reconcile waits. It returns the usage of that process.
func (b *bench) awaitConfirmed(ctx context.Context, old usage) (usage, error) {
	var u usage

	err := b.await(ctx, "the provider to reconcile all resources", func() error {
		var err error
		if u, err = b.providerUsage(ctx); err != nil {
			return err
		}

		if u.pod == old.pod && u.started == old.started {
			return errors.New("the provider is not restarted yet")
		}

		for controller := range controllers {
			if n := u.reconciles[controller]; int(n) < len(b.population) {
				return fmt.Errorf("%s has reconciled %g of %d", controller, n, len(b.population))
			}
		}

		if u.waiting > 0 {
			return fmt.Errorf("%g reconciles are waiting", u.waiting)
		}

		return nil
	})

	return u, err
}
