package bench

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cistern-dev/cistern/test/api"
)

// leastRequests is the number of requests for each claim below which a kind of request is left
// out of the table. It is still part of the sum.
const leastRequests = .05

// requests creates one claim, and then many at once. It counts the requests of all clients to the
// API server for each claim, by verb and resource, the passes of Crossplane's composite reconciler,
// and what causes these: the changes of the claim, and of its Bucket and User. Several changes may
// cause one pass. These figures do not depend on the machine, except for how many changes that is.
func (b *bench) requests(ctx context.Context, p *Part) error {
	for _, n := range []int{1, b.Claims[0]} {
		if err := b.watch.awaitQuiet(ctx, settleTime); err != nil {
			return err
		}

		if err := b.countRequests(ctx, p, n); err != nil {
			return err
		}
	}

	return nil
}

func (b *bench) countRequests(ctx context.Context, p *Part, n int) error {
	ids := b.names(fmt.Sprintf("requests%d", n), n)
	ready := b.watch.expect("ready", ids, settled)
	changes := b.watch.count()

	before, err := api.CountRequests(ctx, b.platform)
	if err != nil {
		return err
	}

	if _, err := b.makeClaims(ctx, ids); err != nil {
		return err
	}

	if _, err := ready.wait(ctx); err != nil {
		return err
	}

	// The last passes follow the last change.
	if err := b.watch.awaitQuiet(ctx, settleTime); err != nil {
		return err
	}

	after, err := api.CountRequests(ctx, b.platform)
	if err != nil {
		return err
	}

	p.claimCost(n, after.Since(before), changes.stop())

	_, _, err = b.deleteClaims(ctx, ids)

	return err
}

// claimCost adds the figures for each of n claims, with the most frequent requests and changes first.
func (p *Part) claimCost(n int, requests api.Requests, changes counts) {
	subject := fmt.Sprintf("%d claims at once", n)
	if n == 1 {
		subject = "a claim alone"
	}

	cost := requests.Cost(n)
	p.value(subject+": requests to the API server", "each", n, cost.Requests)
	p.value("  reads of Secrets", "each", n, cost.SecretReads)
	p.value("  writes of events", "each", n, cost.EventWrites)
	p.value("  writes of Bucket and User by the provider", "each", n, cost.ProviderWrites)
	p.value("  passes of Crossplane", "each", n, cost.Passes)

	for _, what := range slices.SortedFunc(maps.Keys(changes), descending(changes)) {
		p.value("    caused by: "+what, "each", n, changes[what]/float64(n))
	}

	names := counts{}
	for r, of := range requests {
		names[r.Verb+" "+r.Resource] = of
	}

	for _, what := range slices.SortedFunc(maps.Keys(names), descending(names)) {
		if each := names[what] / float64(n); each >= leastRequests {
			p.value("  "+what, "each", n, each)
		}
	}
}

// descending compares names by their counts, the greatest first, and names of equal counts as texts.
func descending(c counts) func(a, b string) int {
	return func(a, b string) int {
		return cmp.Or(cmp.Compare(c[b], c[a]), cmp.Compare(a, b))
	}
}
