package admission

import (
	"context"
	"sync"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/cistern-dev/cistern/provider/server"
)

// errBusy is returned if no slot becomes free in time.
var errBusy = errors.New("too many deletions are being checked")

// slots bounds how many operations run at once.
type slots chan struct{}

// take waits for a free slot, and returns a function that frees it again. It returns errBusy if ctx
// ends first.
func (s slots) take(ctx context.Context) (release func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// slotsByConfig has slots of their own for each provider configuration, so that a server that does
// not answer delays no review of a bucket on another server. The zero value is ready for use.
type slotsByConfig struct {
	mu  sync.Mutex
	all map[server.ConfigKey]slots
}

// of returns the slots of a configuration. There are entries only for configurations that existing
// Buckets name.
func (s *slotsByConfig) of(c server.ConfigKey) slots {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.all[c] == nil {
		if s.all == nil {
			s.all = make(map[server.ConfigKey]slots)
		}

		s.all[c] = make(slots, maxListings)
	}

	return s.all[c]
}
