package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// settleTime is how long no object may change before the next measurement.
const settleTime = 3 * time.Second

// burst creates many claims at once; then as many pairs of Bucket and User, without
// Crossplane's composition; then it makes the bare calls that such pairs need.
func (b *bench) burst(ctx context.Context, p *Part) error {
	for _, n := range b.Claims {
		for _, do := range []func(context.Context, *Part, int) error{b.claimBurst, b.pairBurst} {
			if err := b.watch.awaitQuiet(ctx, settleTime); err != nil {
				return err
			}

			if err := do(ctx, p, n); err != nil {
				return err
			}
		}
	}

	return nil
}

// claimBurst creates claims, all at once, measures the function while they are at
// rest, and deletes them.
func (b *bench) claimBurst(ctx context.Context, p *Part, n int) error {
	ids := b.names(fmt.Sprintf("burst%d", n), n)
	ready := b.watch.expect("ready", ids, settled)
	subject := fmt.Sprintf("%d claims", n)

	if _, err := b.measureBurst(ctx, p, subject, n, func() (map[id]time.Time, map[id]time.Time, error) {
		sent, err := b.makeClaims(ctx, ids)
		if err != nil {
			return nil, nil, err
		}

		at, err := ready.wait(ctx)

		return sent, at, err
	}); err != nil {
		return err
	}

	if err := b.functionAtRest(ctx, p, subject, n); err != nil {
		return err
	}

	_, _, err := b.deleteClaims(ctx, ids)

	return err
}

// pairBurst creates pairs of Bucket and User, all at once, and then makes the bare
// calls.
func (b *bench) pairBurst(ctx context.Context, p *Part, n int) error {
	ids := b.names(fmt.Sprintf("pairs%d", n), n)
	ready := b.watch.expect("ready", withKinds(ids, buckets, users), settled)
	subject := fmt.Sprintf("%d pairs of Bucket and User", n)

	provider, err := b.measureBurst(ctx, p, subject, n, func() (map[id]time.Time, map[id]time.Time, error) {
		sent, err := b.makePairs(ctx, ids)
		if err != nil {
			return nil, nil, err
		}

		at, err := ready.wait(ctx)

		return sent, latest(at), err
	})
	if err != nil {
		return err
	}

	if err := b.watch.awaitQuiet(ctx, settleTime); err != nil {
		return err
	}

	bare, err := newBaseline(ctx, b, n)
	if err != nil {
		return err
	}

	pairs, calls, err := bare.measure(ctx)
	if err != nil {
		return err
	}

	subject = fmt.Sprintf("%d pairs by bare calls", n)
	p.value(subject+": pairs a second", "1/s", n, pairs)
	p.value(subject+": calls to MinIO", "each", n, calls)
	p.value("provider to bare calls", "%", n, 100*provider/pairs)

	return b.deletePairs(ctx, ids)
}

// measureBurst measures n objects that do creates: how many become ready a second,
// from the first request to the last that is ready, how long each takes, the
// provider's calls, and which programs use the processors. The names of the figures
// begin with the subject.
func (b *bench) measureBurst(
	ctx context.Context, p *Part, subject string, n int, do func() (sent, done map[id]time.Time, err error),
) (perSecond float64, err error) {
	var sent, done map[id]time.Time

	before, err := readProcesses(b.platform)
	if err != nil && !errors.Is(err, errNotLocal) {
		return 0, err
	}

	u, _, err := b.during(ctx, b.providerUsage, func() (err error) {
		sent, done, err = do()

		return err
	})
	if err != nil {
		return 0, err
	}

	perSecond = rate(sent, done)
	p.value(subject+": Ready a second, until all are", "1/s", n, perSecond)
	p.percentiles(subject+": applied to Ready", "s", 1, between(sent, done))
	p.value(subject+": calls to MinIO", "each", n, u.calls.sum()/float64(n))
	p.value(subject+": the provider's requests to the API server", "each", n, u.requests.sum()/float64(n))

	if !b.platform.Local {
		return perSecond, nil
	}

	return perSecond, b.processorShares(p, subject, n, before)
}

// processorShares adds figures for the programs that have used the processors since
// an earlier reading, largest share first: what uses most is the limit.
func (b *bench) processorShares(p *Part, subject string, n int, before processes) error {
	// Programs that use fewer cores are added up.
	const least = .02

	after, err := readProcesses(b.platform)
	if err != nil {
		return err
	}

	wall := after.at.Sub(before.at).Seconds()
	used := after.used.since(before.used)
	all := after.busy - before.busy

	p.value(subject+": cores in use", "cores", n, all/wall)

	others := all - used.sum()
	for _, name := range slices.SortedFunc(maps.Keys(used), func(a, b string) int { return int(1e6 * (used[b] - used[a])) }) {
		if used[name]/wall < least {
			others += used[name]

			continue
		}

		p.value("  "+name, "% of cores in use", n, 100*used[name]/all)
	}

	p.value("  all other programs", "% of cores in use", n, 100*max(others, 0)/all)

	return nil
}

// functionAtRest measures what the function uses while claims are at rest.
func (b *bench) functionAtRest(ctx context.Context, p *Part, subject string, n int) error {
	if err := b.watch.awaitQuiet(ctx, settleTime); err != nil {
		return err
	}

	u, took, err := b.during(ctx, b.functionUsage, func() error { return sleep(ctx, b.Window/2) })
	if err != nil {
		return err
	}

	p.value(subject+" at rest: CPU of the function", "mcores", n, 1000*u.cpu/took.Seconds())
	p.value(subject+" at rest: memory of the function", "MB", n, u.memory/1e6)

	return nil
}
