package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// afterwards is how long nothing must be written before the next burst.
const afterwards = 3 * time.Second

// burst makes many claims at once; then as many pairs of Bucket and User, without
// Crossplane's composition; then the bare calls that such pairs take.
func (b *bench) burst(ctx context.Context, p *Part) error {
	for _, n := range b.Claims {
		for _, do := range []func(context.Context, *Part, int) error{b.claimBurst, b.pairBurst} {
			if err := b.watch.quiet(ctx, afterwards); err != nil {
				return err
			}

			if err := do(ctx, p, n); err != nil {
				return err
			}
		}
	}

	return nil
}

// claimBurst makes claims, all at once, looks at the function while they are left
// alone, and deletes them.
func (b *bench) claimBurst(ctx context.Context, p *Part, n int) error {
	ids := b.spread(fmt.Sprintf("burst%d", n), n)
	ready := b.watch.expect("ready", ids, settled)
	of := fmt.Sprintf("%d claims", n)

	if _, err := b.timed(ctx, p, of, n, func() (map[id]time.Time, map[id]time.Time, error) {
		sent, err := b.makeClaims(ctx, ids)
		if err != nil {
			return nil, nil, err
		}

		at, err := ready.wait(ctx)

		return sent, at, err
	}); err != nil {
		return err
	}

	if err := b.functionAtRest(ctx, p, of, n); err != nil {
		return err
	}

	_, _, err := b.deleteClaims(ctx, ids)

	return err
}

// pairBurst makes pairs of Bucket and User, all at once, and then the bare calls.
func (b *bench) pairBurst(ctx context.Context, p *Part, n int) error {
	ids := b.spread(fmt.Sprintf("pairs%d", n), n)
	ready := b.watch.expect("ready", as(ids, buckets, users), settled)
	of := fmt.Sprintf("%d pairs of Bucket and User", n)

	provider, err := b.timed(ctx, p, of, n, func() (map[id]time.Time, map[id]time.Time, error) {
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

	if err := b.watch.quiet(ctx, afterwards); err != nil {
		return err
	}

	f, err := newFloor(ctx, b, n)
	if err != nil {
		return err
	}

	floor, calls, err := f.measure(ctx)
	if err != nil {
		return err
	}

	of = fmt.Sprintf("%d pairs by bare calls", n)
	p.value(of+": pairs a second", "1/s", n, floor)
	p.value(of+": calls of MinIO", "each", n, calls)
	p.value("provider to bare calls", "%", n, 100*provider/floor)

	return b.deletePairs(ctx, ids)
}

// timed measures a burst: how many come true a second, from the first that is
// sent to the last that comes true, how long each takes, what the provider asks
// of MinIO, and who uses the processors meanwhile.
func (b *bench) timed(ctx context.Context, p *Part, of string, n int, do func() (sent, done map[id]time.Time, err error)) (perSecond float64, err error) {
	var sent, done map[id]time.Time

	before, err := readProcesses(b.platform)
	if err != nil && !errors.Is(err, errNotHere) {
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
	p.value(of+": Ready a second, until all are", "1/s", n, perSecond)
	p.spread(of+": applied to Ready", "s", 1, between(sent, done))
	p.value(of+": calls of MinIO", "each", n, u.calls.sum()/float64(n))
	p.value(of+": the provider's requests to the API server", "each", n, u.requests.sum()/float64(n))

	if !b.platform.Local {
		return perSecond, nil
	}

	return perSecond, b.limits(p, of, n, before)
}

// limits shows who has used the processors since an earlier look, most of them
// first: who is the limit.
func (b *bench) limits(p *Part, of string, n int, before processes) error {
	// Of whom a hundredth of a core is no news.
	const little = .02

	after, err := readProcesses(b.platform)
	if err != nil {
		return err
	}

	wall := after.at.Sub(before.at).Seconds()
	used := after.used.since(before.used)
	all := after.busy - before.busy

	p.value(of+": cores in use", "cores", n, all/wall)

	others := all - used.sum()
	for _, name := range slices.SortedFunc(maps.Keys(used), func(a, b string) int { return int(1e6 * (used[b] - used[a])) }) {
		if used[name]/wall < little {
			others += used[name]

			continue
		}

		p.value("  "+name, "% of these", n, 100*used[name]/all)
	}

	p.value("  all others", "% of these", n, 100*max(others, 0)/all)

	return nil
}

// functionAtRest shows what the function uses while claims are left alone.
func (b *bench) functionAtRest(ctx context.Context, p *Part, of string, n int) error {
	if err := b.watch.quiet(ctx, afterwards); err != nil {
		return err
	}

	u, took, err := b.during(ctx, b.functionUsage, func() error { return sleep(ctx, b.Window/2) })
	if err != nil {
		return err
	}

	p.value(of+" at rest: CPU of the function", "mcores", n, 1000*u.cpu/took.Seconds())
	p.value(of+" at rest: memory of the function", "MB", n, u.memory/1e6)

	return nil
}
