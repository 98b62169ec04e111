package admission

import (
	"context"
	"sync"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
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

// config identifies a provider configuration; a ClusterProviderConfig has no namespace.
type config struct{ kind, namespace, name string }

func configOf(mg resource.ModernManaged) config {
	ref := mg.GetProviderConfigReference()
	if ref == nil {
		return config{}
	}

	c := config{kind: ref.Kind, name: ref.Name}
	if ref.Kind == miniov1alpha1.ProviderConfigKind.Kind {
		c.namespace = mg.GetNamespace()
	}

	return c
}

// slotsByConfig has slots of their own for each provider configuration, so that a server that does
// not answer delays no review of a bucket on another server. The zero value is ready for use.
type slotsByConfig struct {
	mu  sync.Mutex
	all map[config]slots
}

// of returns the slots of a configuration. There are entries only for configurations that existing
// Buckets name.
func (s *slotsByConfig) of(c config) slots {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.all[c] == nil {
		if s.all == nil {
			s.all = make(map[config]slots)
		}

		s.all[c] = make(slots, maxListings)
	}

	return s.all[c]
}
