//go:build e2e

package component

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/test/await"
)

// A life is what becomes of one resource, phase by phase.
type life struct {
	mg     resource.Managed
	phases []phase
}

// A phase of a resource's life. In each, the provider dies once.
type phase struct {
	name string
	// begin lets the phase begin.
	begin func(t *testing.T)
	// over returns an error until all is as it should be, here and on the server,
	// and there is nothing more than that.
	over func() error
	// through are calls that the phase must make. At each write the provider dies
	// anyhow; these tell that it is these writes that the phase is about.
	through []string
}

// TestCrash lets the provider die at every single write of every phase of a
// resource's life: after MinIO or the API server carried it out, and before the
// answer got back. However far it got, the next one brings the phase to its end,
// without waiting for a poll, and leaves nothing behind.
func TestCrash(t *testing.T) {
	for name, lead := range lives {
		t.Run(name, func(t *testing.T) {
			deaths := make(map[string][]string)

			for n, crashed := 0, true; crashed && !t.Failed(); n++ {
				t.Run(fmt.Sprintf("Write%02d", n), func(t *testing.T) {
					crashed = liveThrough(t, lead(t), n, deaths)
				})
			}

			for _, p := range lead(t).phases {
				t.Logf("%s: died after %s", p.name, strings.Join(deaths[p.name], ", "))

				for _, want := range p.through {
					if !slices.Contains(deaths[p.name], want) {
						t.Errorf("%s: never died after %s", p.name, want)
					}
				}
			}
		})
	}
}

// liveThrough lets the provider die at the n-th write of each phase, or before
// the first for 0, and says whether it did in any.
func liveThrough(t *testing.T, l life, n int, deaths map[string][]string) (crashed bool) {
	t.Helper()

	startProvider(t)

	for _, p := range l.phases {
		if len(deaths[p.name]) < n-1 {
			// The phase makes fewer writes than that.
			p.begin(t)
			await.For(t, p.name+" to be over", p.over)

			continue
		}

		// What the phase before still has to write is not of this one.
		awaitQuiet(t)

		died := bed.Wire.Arm(Fault{At: changesSomething, After: max(n, 1), Before: n == 0})

		p.begin(t)

		call, ok := awaitDeath(t, p, died)
		if ok {
			crashed = true

			if n > 0 {
				deaths[p.name] = append(deaths[p.name], call.Operation)
			}

			startProvider(t)
		}

		begin := time.Now()

		await.For(t, p.name+" to be over", p.over)

		if ok {
			t.Logf("%s: died at %s, over %s after the next provider began", p.name, call.Operation, time.Since(begin).Round(time.Millisecond))
		}
	}

	return crashed
}

// awaitDeath waits until the provider has died, or until the phase is over and
// nothing more happens.
func awaitDeath(t *testing.T, p phase, died <-chan Call) (call Call, ok bool) {
	t.Helper()

	// What is still to come after a phase is over comes at once.
	const quiet = 200 * time.Millisecond

	await.For(t, p.name+" to be over, or the provider to die", func() error {
		select {
		case call = <-died:
			ok = true
			return nil
		default:
			return p.over()
		}
	})

	if ok {
		return call, true
	}

	select {
	case call = <-died:
		return call, true
	case <-time.After(quiet):
		bed.Wire.Disarm()
	}

	select {
	case call = <-died:
		return call, true
	default:
		return call, false
	}
}

// awaitQuiet waits until the provider makes no calls.
func awaitQuiet(t *testing.T) {
	t.Helper()

	await.For(t, "the provider to be quiet", func() error {
		from := bed.Wire.Now()
		time.Sleep(100 * time.Millisecond)

		if bed.Wire.Now() != from {
			return errors.New("it makes calls")
		}

		return nil
	})
}

// changesSomething says that a call changes what a resource, or the server, is
// like. Events and the provider configuration's count of its users are neither.
func changesSomething(c Call) bool {
	if !c.Write || c.Status >= 400 {
		return false
	}

	for _, other := range []string{" events", " leases", " clusterproviderconfigs"} {
		if c.Server == Kubernetes && strings.Contains(c.Operation, other) {
			return false
		}
	}

	return true
}
