package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// point is the result for one number of resources.
type point struct {
	resources float64
	// calls is the number of calls to MinIO for one poll of all resources.
	calls float64
	// requests is the number of requests to the API server a minute.
	requests float64
	// cpu is in thousandths of a core, memory in bytes.
	cpu, memory float64
	// minio is the server's CPU in thousandths of a core; NaN if it cannot be
	// measured.
	minio float64
}

// steady measures what resources at rest cost, for increasing numbers of resources,
// half of them Buckets and half Users. It does not delete them.
func (b *bench) steady(ctx context.Context, p *Part) error {
	if err := b.shortenPollInterval(ctx); err != nil {
		return err
	}

	sizes := slices.Sorted(slices.Values(b.Resources))
	points := make([]point, 0, len(sizes))

	for _, n := range sizes {
		if err := b.populate(ctx, n/2); err != nil {
			return err
		}

		x, err := b.measureAtRest(ctx, p)
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
	p.value("each further resource: calls to MinIO", "each poll", n, line(func(x point) float64 { return x.calls }))
	p.value("each further resource: requests to the API server", "a minute", n, line(func(x point) float64 { return x.requests }))
	p.value("each further resource: CPU of the provider", "mcores", n, line(func(x point) float64 { return x.cpu }))
	p.value("each further resource: CPU of MinIO", "mcores", n, line(func(x point) float64 { return x.minio }))
	p.value("each further resource: memory of the provider", "kB", n, line(func(x point) float64 { return x.memory })/1e3)

	return nil
}

// shortenPollInterval sets the provider's poll interval to that of the options, once.
func (b *bench) shortenPollInterval(ctx context.Context) error {
	if b.restore != nil {
		return nil
	}

	var err error
	b.restore, err = b.setPollInterval(ctx, b.PollInterval)

	return err
}

// populate creates pairs of Bucket and User until there are n of them, and waits until
// all are ready and no object changes.
func (b *bench) populate(ctx context.Context, n int) error {
	if have := len(b.population); have < n {
		more := b.names("steady", n)[have:]
		ready := b.watch.expect("ready", withKinds(more, buckets, users), settled)

		b.population = append(b.population, more...)

		if _, err := b.makePairs(ctx, more); err != nil {
			return err
		}

		if _, err := ready.wait(ctx); err != nil {
			return err
		}
	}

	if err := b.watch.awaitQuiet(ctx, settleTime); err != nil {
		return err
	}

	// The first poll after a change makes more calls than others.
	return sleep(ctx, b.PollInterval)
}

// measureAtRest measures what the present resources cost while nothing changes them.
func (b *bench) measureAtRest(ctx context.Context, p *Part) (point, error) {
	n := 2 * len(b.population)
	subject := fmt.Sprintf("%d resources", n)

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

	polls := u.reconciles.sum()
	if polls == 0 {
		return point{}, fmt.Errorf("%s were at rest for %s, and none was polled", subject, took)
	}

	x := point{
		resources: float64(n),
		calls:     u.calls.sum() / polls * float64(n),
		requests:  u.requests.sum() / took.Minutes(),
		cpu:       1000 * u.cpu / took.Seconds(),
		memory:    u.memory,
		minio:     server,
	}

	p.value(subject+": polls", "total", int(polls), polls)
	p.value(subject+": polls that failed", "total", int(polls), u.failed)
	p.value(subject+": calls to MinIO", "each poll", int(u.calls.sum()), u.calls.sum()/polls)
	p.value(subject+": calls to MinIO", "each and minute", int(u.calls.sum()), u.calls.sum()/float64(n)/took.Minutes())
	p.value(subject+": requests to the API server", "each and minute", int(u.requests.sum()), x.requests/float64(n))
	p.counts(subject+": requests to the API server", "a minute", u.requests, 1/took.Minutes())
	p.value(subject+": writes of resources", "total", int(polls), after.since(before).sum())
	p.value(subject+": CPU of the provider", "mcores", int(polls), x.cpu)
	p.value(subject+": CPU of the provider", "ms each poll", int(polls), 1000*u.cpu/polls)
	p.value(subject+": CPU of MinIO", "mcores", int(polls), x.minio)
	p.value(subject+": memory of the provider", "MB", 1, u.memory/1e6)

	return x, nil
}

// serverCPU returns how much CPU MinIO uses while do runs, in thousandths of a core.
// It is NaN if its process is not on this machine.
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
