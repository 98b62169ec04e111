package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// point is what was measured of a number of resources.
type point struct {
	resources float64
	// calls of MinIO for one look at all of them.
	calls float64
	// requests to the API server a minute.
	requests float64
	// cpu in thousandths of a core, memory in bytes.
	cpu, memory float64
	// minio is the server's CPU in thousandths of a core, and no number where it
	// cannot be seen.
	minio float64
}

// steady leaves more and more resources alone, half of them Buckets and half
// Users, and measures what they cost. They stay.
func (b *bench) steady(ctx context.Context, p *Part) error {
	if err := b.pollOften(ctx); err != nil {
		return err
	}

	sizes := slices.Sorted(slices.Values(b.Resources))
	points := make([]point, 0, len(sizes))

	for _, n := range sizes {
		if err := b.populate(ctx, n/2); err != nil {
			return err
		}

		x, err := b.leaveAlone(ctx, p)
		if err != nil {
			return err
		}

		points = append(points, x)
	}

	line := func(y func(point) float64) float64 {
		xs, ys := make([]float64, 0, len(points)), make([]float64, 0, len(points))
		for _, x := range points {
			xs, ys = append(xs, x.resources), append(ys, y(x))
		}

		return slope(xs, ys)
	}

	n := len(points)
	p.value("each more: calls of MinIO", "each poll", n, line(func(x point) float64 { return x.calls }))
	p.value("each more: requests to the API server", "a minute", n, line(func(x point) float64 { return x.requests }))
	p.value("each more: CPU of the provider", "mcores", n, line(func(x point) float64 { return x.cpu }))
	p.value("each more: CPU of MinIO", "mcores", n, line(func(x point) float64 { return x.minio }))
	p.value("each more: memory of the provider", "kB", n, line(func(x point) float64 { return x.memory })/1e3)

	return nil
}

// pollOften has the provider poll as often as is asked for, from now on.
func (b *bench) pollOften(ctx context.Context) error {
	if b.back != nil {
		return nil
	}

	var err error
	b.back, err = b.pollEach(ctx, b.PollInterval)

	return err
}

// populate makes pairs of Bucket and User until there are n of them, and returns
// once all are ready and nothing is written any more.
func (b *bench) populate(ctx context.Context, n int) error {
	if have := len(b.population); have < n {
		more := b.spread("steady", n)[have:]
		ready := b.watch.expect("ready", as(more, buckets, users), settled)

		b.population = append(b.population, more...)

		if _, err := b.makePairs(ctx, more); err != nil {
			return err
		}

		if _, err := ready.wait(ctx); err != nil {
			return err
		}
	}

	if err := b.watch.quiet(ctx, afterwards); err != nil {
		return err
	}

	// The first poll after a change looks closer.
	return sleep(ctx, b.PollInterval)
}

// leaveAlone measures what the resources that are there cost while nobody touches
// them.
func (b *bench) leaveAlone(ctx context.Context, p *Part) (point, error) {
	n := 2 * len(b.population)
	of := fmt.Sprintf("%d resources", n)

	before, err := b.writes(ctx)
	if err != nil {
		return point{}, err
	}

	var server float64

	u, took, err := b.during(ctx, b.providerUsage, func() (err error) {
		server, err = b.serverCPU(func() error { return sleep(ctx, b.Window) })

		return err
	})
	if err != nil {
		return point{}, err
	}

	after, err := b.writes(ctx)
	if err != nil {
		return point{}, err
	}

	looks := u.reconciles.sum()
	if looks == 0 {
		return point{}, fmt.Errorf("%s were left alone for %s, and none was looked at", of, took)
	}

	x := point{
		resources: float64(n),
		calls:     u.calls.sum() / looks * float64(n),
		requests:  u.requests.sum() / took.Minutes(),
		cpu:       1000 * u.cpu / took.Seconds(),
		memory:    u.memory,
		minio:     server,
	}

	p.value(of+": polls", "in all", int(looks), looks)
	p.value(of+": polls that failed", "in all", int(looks), u.failed)
	p.value(of+": calls of MinIO", "each poll", int(u.calls.sum()), u.calls.sum()/looks)
	p.value(of+": calls of MinIO", "each and minute", int(u.calls.sum()), u.calls.sum()/float64(n)/took.Minutes())
	p.value(of+": requests to the API server", "each and minute", int(u.requests.sum()), x.requests/float64(n))
	p.counts(of+": requests to the API server", "a minute", u.requests, 1/took.Minutes())
	p.value(of+": writes of resources", "in all", int(looks), after.since(before).sum())
	p.value(of+": CPU of the provider", "mcores", int(looks), x.cpu)
	p.value(of+": CPU of the provider", "ms each poll", int(looks), 1000*u.cpu/looks)
	p.value(of+": CPU of MinIO", "mcores", int(looks), x.minio)
	p.value(of+": memory of the provider", "MB", 1, u.memory/1e6)

	return x, nil
}

// serverCPU returns how much CPU MinIO uses while do runs, in thousandths of a
// core, and no number if its process cannot be seen.
func (b *bench) serverCPU(do func() error) (float64, error) {
	if !b.platform.Local {
		return math.NaN(), do()
	}

	before, err := readProcesses(b.platform)
	if err != nil {
		return 0, err
	}

	if err := do(); err != nil {
		return 0, err
	}

	after, err := readProcesses(b.platform)
	if err != nil {
		return 0, err
	}

	return 1000 * after.used.since(before.used)["minio"] / after.at.Sub(before.at).Seconds(), nil
}
