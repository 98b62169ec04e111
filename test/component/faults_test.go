//go:build e2e

package component

import (
	"cmp"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/cistern-dev/cistern/provider/minio"
)

var (
	faultSeed   = flag.Uint64("faults.seed", 0, "choose the cells of the fault matrix by this number; 0 for a random one")
	faultSample = flag.Int("faults.sample", 40, "how many cells of the fault matrix to run; 0 for all")
	faultCells  = flag.String("faults.cells", "", "run the cells of the fault matrix that match this regular expression, not a sample")
	faultTime   = flag.Duration("faults.time", 2*time.Minute, "for how long to begin cells of a sample; 0 for as long as it takes")
	faultLanes  = flag.Int("faults.lanes", 8, "how many cells of the fault matrix to run at once")
)

// cell is one cell of the fault matrix: in a situation, an operation meets a fault, once
// or until it is lifted.
type cell struct {
	situation, operation string
	fault                fault
	lasting              bool
}

func (c cell) String() string {
	duration := "once"
	if c.lasting {
		duration = "lasting"
	}

	return strings.Join([]string{c.situation, strings.ReplaceAll(c.operation, " ", "_"), c.fault.name, duration}, "/")
}

// TestFaults lets the calls that the provider makes in each situation meet each fault,
// and expects that no published key stops working, that nothing is gone or Ready that
// should not be, that at most one key is made, and that all is well soon after the fault.
//
// The calls of each situation are recorded in a run without a fault. So a new call joins
// by itself, if a situation makes it: a call that no situation makes, and one that
// minio.Operations does not name, fail the test.
func TestFaults(t *testing.T) {
	m := &matrix{recorded: make(map[string][]string), beds: make(map[string]*bed)}
	env.Proxy.SetBetween(m.between)
	t.Cleanup(func() { env.Proxy.SetBetween(nil) })

	seed := cmp.Or(*faultSeed, rand.Uint64()>>32)
	t.Logf("-faults.seed=%d", seed)

	// The situations that need polls run under one provider, the others under another.
	for _, polls := range []bool{false, true} {
		runProvider(t, polls, func(t *testing.T) { m.record(t, polls) })
	}

	if t.Failed() {
		return
	}

	m.checkOperations(t)

	all := m.cells()
	chosen := choose(all, seed)
	t.Logf("%d of %d cells, for %d faults", len(chosen), len(all), len(faults))

	m.began = time.Now()

	for _, polls := range []bool{false, true} {
		some := slices.DeleteFunc(slices.Clone(chosen), func(c cell) bool { return situations[c.situation].polls != polls })
		if len(some) > 0 {
			runProvider(t, polls, func(t *testing.T) { m.run(t, some) })
		}
	}

	m.report(t)
}

// choose returns the cells to run. It depends on nothing but the seed and the cells'
// names whether one comes before another.
func choose(all []cell, seed uint64) []cell {
	if *faultCells != "" {
		matches := regexp.MustCompile(*faultCells).MatchString

		return slices.DeleteFunc(all, func(c cell) bool { return !matches(c.String()) })
	}

	rank := func(c cell) uint64 {
		h := fnv.New64a()
		fmt.Fprintf(h, "%d %s", seed, c)

		return h.Sum64()
	}

	slices.SortFunc(all, func(a, b cell) int { return cmp.Compare(rank(a), rank(b)) })

	if *faultSample > 0 {
		all = all[:min(*faultSample, len(all))]
	}

	return all
}

// matrix runs cells of the fault matrix.
type matrix struct {
	// recorded holds the operations of each situation.
	recorded map[string][]string

	mu sync.Mutex
	// beds are where cells run at the moment, by namespace.
	beds map[string]*bed
	// began is when the first cell began, and ran how many have ended.
	began time.Time
	ran   int
	// unmet are the cells whose operation was not called.
	unmet []string
	// after holds, for each cell, how long after the fault all was well.
	after []time.Duration
}

// between returns what answers a call instead of the server, or nil. The proxy asks it for
// each call.
func (m *matrix) between(c Call, server http.Handler) http.Handler {
	m.mu.Lock()
	b := m.beds[c.Namespace]
	m.mu.Unlock()

	if b == nil {
		return nil
	}

	return b.between(c, server)
}

// runProvider runs something beside a provider.
func runProvider(t *testing.T, polls bool, run func(t *testing.T)) {
	t.Helper()

	name, interval := "Events", "10m"
	if polls {
		name, interval = "Polls", "2s"
	}

	t.Run(name, func(t *testing.T) {
		startProvider(t, "--poll-interval="+interval)
		run(t)
	})
}

// each runs something for each item, faultLanes at once.
func each[T any](items []T, run func(T)) {
	queue, wg := make(chan T), sync.WaitGroup{}

	for range *faultLanes {
		wg.Go(func() {
			for i := range queue {
				run(i)
			}
		})
	}

	for _, i := range items {
		queue <- i
	}

	close(queue)
	wg.Wait()
}

// record runs situations without a fault, and records which operations each calls.
func (m *matrix) record(t *testing.T, polls bool) {
	t.Helper()

	var names []string

	for name, s := range situations {
		if s.polls == polls {
			names = append(names, name)
		}
	}

	each(names, func(name string) {
		b, err := m.play(t.Context(), cell{situation: name})
		if err != nil {
			t.Errorf("%s, without a fault: %v", name, err)
		}

		m.mu.Lock()
		defer m.mu.Unlock()

		m.recorded[name] = b.operations()
		t.Logf("%s: %s", name, strings.Join(m.recorded[name], ", "))
	})
}

// checkOperations expects that the situations call what minio.Operations names, and
// nothing else of MinIO.
func (m *matrix) checkOperations(t *testing.T) {
	t.Helper()

	var called []string

	for _, operations := range m.recorded {
		for _, o := range operations {
			if strings.HasPrefix(o, "admin:") || strings.HasPrefix(o, "s3:") {
				called = append(called, o)
			}
		}
	}

	slices.Sort(called)
	called = slices.Compact(called)

	if diff := gocmp.Diff(slices.Sorted(slices.Values(minio.Operations)), called); diff != "" {
		t.Errorf("minio.Operations must name what the situations call, and they must call all of it: -want, +got:\n%s", diff)
	}
}

// cells returns the whole matrix.
func (m *matrix) cells() []cell {
	var all []cell

	for _, s := range slices.Sorted(maps.Keys(m.recorded)) {
		for _, o := range m.recorded[s] {
			for _, f := range faults {
				all = append(all, cell{s, o, f, false}, cell{s, o, f, true})
			}
		}
	}

	return all
}

// run runs cells.
func (m *matrix) run(t *testing.T, cells []cell) {
	t.Helper()

	each(cells, func(c cell) {
		began := time.Now()
		if *faultCells == "" && *faultTime > 0 && began.Sub(m.began) > *faultTime {
			return
		}

		b, err := m.play(t.Context(), c)

		m.mu.Lock()
		defer m.mu.Unlock()

		m.ran++

		t.Logf("%s: met %d times, all was well %s later; %s in all",
			c, b.met(), b.after.Round(100*time.Millisecond), time.Since(began).Round(100*time.Millisecond))

		if err != nil {
			t.Errorf("%s: %v\nRepeat it: go test -tags=fips,e2e -count=1 -v ./test/component/ -run '^TestFaults$' -faults.cells='^%s$'", c, err, c)
		}

		m.after = append(m.after, b.after)
		if b.met() == 0 {
			m.unmet = append(m.unmet, c.String())
		}
	})
}

// report says what was run.
func (m *matrix) report(t *testing.T) {
	t.Helper()

	slices.Sort(m.after)

	if len(m.after) > 0 {
		t.Logf("%d cells in %s; all was well after the fault within %s in half of them, within %s in all",
			m.ran, time.Since(m.began).Round(time.Second), m.after[len(m.after)/2].Round(100*time.Millisecond), m.after[len(m.after)-1].Round(100*time.Millisecond))
	}

	if len(m.unmet) > 0 {
		t.Logf("the call was not made in %d of them: %s", len(m.unmet), strings.Join(m.unmet, ", "))
	}
}
