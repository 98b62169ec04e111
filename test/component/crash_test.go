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

// lifecycle is the lifecycle of one resource, in phases.
type lifecycle struct {
	mg     resource.Managed
	phases []phase
}

// phase is one phase of a lifecycle. The provider is killed once in each.
type phase struct {
	name string
	// start starts the phase.
	start func(t *testing.T)
	// done returns an error until the resource and the server are as the phase requires,
	// with nothing left over.
	done func() error
	// writes are calls that the phase must make. The provider is killed at every write
	// in any case; these prove that the phase covers the intended ones.
	writes []string
}

// TestCrashAtEveryWrite kills the provider at every single write of every phase of a
// lifecycle: after MinIO or the API server has carried it out, and before the response
// arrives. Each time, the next provider must complete the phase without waiting for a
// poll, and leave nothing behind.
func TestCrashAtEveryWrite(t *testing.T) {
	for name, newLifecycle := range lifecycles {
		t.Run(name, func(t *testing.T) {
			killedAfter := make(map[string][]string)

			for n, crashed := 0, true; crashed && !t.Failed(); n++ {
				t.Run(fmt.Sprintf("Write%02d", n), func(t *testing.T) {
					crashed = runPhases(t, newLifecycle(t), n, killedAfter)
				})
			}

			for _, p := range newLifecycle(t).phases {
				t.Logf("%s: killed after %s", p.name, strings.Join(killedAfter[p.name], ", "))

				// Writes of other resources may come between, so that the n-th is another one
				// in each run.
				for _, want := range p.writes {
					if !slices.Contains(killedAfter[p.name], want) {
						t.Run(want, func(t *testing.T) { killAfter(t, newLifecycle(t), p.name, want) })
					}
				}
			}
		})
	}
}

// runPhases kills the provider at the n-th write of each phase, or before the first
// for n = 0. It reports whether any phase has that many writes.
func runPhases(t *testing.T, l lifecycle, n int, killedAfter map[string][]string) (crashed bool) {
	t.Helper()

	startProvider(t)

	for _, p := range l.phases {
		if len(killedAfter[p.name]) < n-1 {
			// The phase makes fewer writes.
			p.start(t)
			await.For(t, p.name+" to be done", p.done)

			continue
		}

		call, ok := killIn(t, p, Fault{At: isChange, After: max(n, 1), Before: n == 0})
		crashed = crashed || ok

		if ok && n > 0 {
			killedAfter[p.name] = append(killedAfter[p.name], call.Operation)
		}
	}

	return crashed
}

// killAfter kills the provider at a certain write of one phase, after it was carried out.
func killAfter(t *testing.T, l lifecycle, phase, write string) {
	t.Helper()

	startProvider(t)

	for _, p := range l.phases {
		if p.name != phase {
			p.start(t)
			await.For(t, p.name+" to be done", p.done)

			continue
		}

		f := Fault{At: func(c Call) bool { return isChange(c) && c.Operation == write }, After: 1}
		if _, ok := killIn(t, p, f); !ok {
			t.Errorf("%s: never killed after %s", p.name, write)
		}
	}
}

// killIn kills the provider at a fault in a phase, which the next provider must complete. It reports
// whether the provider was killed, and at which call.
func killIn(t *testing.T, p phase, f Fault) (call Call, ok bool) {
	t.Helper()

	// Late writes of the previous phase must not count.
	awaitIdle(t)

	killed := env.Proxy.Arm(f)

	p.start(t)

	call, ok = awaitKill(t, p, killed)
	if ok {
		startProvider(t)
	}

	restart := time.Now()

	await.For(t, p.name+" to be done", p.done)

	if ok {
		t.Logf("%s: killed at %s, done %s after the restart", p.name, call.Operation, time.Since(restart).Round(time.Millisecond))
	}

	return call, ok
}

// awaitKill waits until the provider is killed, or until the phase is done and no call
// follows. It reports whether the provider was killed, and at which call.
func awaitKill(t *testing.T, p phase, killed <-chan Call) (call Call, ok bool) {
	t.Helper()

	// The last writes of a phase follow within this time.
	const idle = 200 * time.Millisecond

	await.For(t, p.name+" to be done, or the provider to be killed", func() error {
		select {
		case call = <-killed:
			ok = true
			return nil
		default:
			return p.done()
		}
	})

	if ok {
		return call, true
	}

	select {
	case call = <-killed:
		return call, true
	case <-time.After(idle):
		env.Proxy.Disarm()
	}

	select {
	case call = <-killed:
		return call, true
	default:
		return call, false
	}
}

// awaitIdle waits until the provider makes no calls for a while.
func awaitIdle(t *testing.T) {
	t.Helper()

	await.For(t, "the provider to be idle", func() error {
		from := env.Proxy.Now()
		time.Sleep(100 * time.Millisecond)

		if env.Proxy.Now() != from {
			return errors.New("it makes calls")
		}

		return nil
	})
}

// isChange reports whether a call changed a resource or the server. Events, leases and
// the ClusterProviderConfig's count of its users do not matter here.
func isChange(c Call) bool {
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
