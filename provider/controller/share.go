package controller

import (
	"context"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/cistern-dev/cistern/provider/server"
)

const (
	// workersPerShare is how many times as many workers a kind has as one provider
	// configuration may keep busy: a server that hangs leaves two thirds of them to others.
	workersPerShare = 3

	// patience is how long a resource waits for its turn with a worker.
	patience = 100 * time.Millisecond

	// turnInterval is how long a resource waits without a worker, for each resource of the same
	// configuration that waits. So however many wait, they ask about 100 times a second
	// together, from memory.
	turnInterval = 10 * time.Millisecond
)

// shared is a reconciler that reconciles at most limit resources of one provider configuration
// at a time. The others of that configuration wait.
type shared[T resource.ModernManaged] struct {
	reconcile.Reconciler

	kube  client.Reader
	empty T
	limit int

	mu    sync.Mutex
	slots map[server.ConfigKey]chan struct{}
	// waiting holds the configuration of each resource that waits, waiters the number of
	// resources of each configuration in it.
	waiting map[reconcile.Request]server.ConfigKey
	waiters map[server.ConfigKey]int
}

func share[T resource.ModernManaged](r reconcile.Reconciler, kube client.Reader, empty T, limit int) *shared[T] {
	return &shared[T]{
		Reconciler: r, kube: kube, empty: empty, limit: limit,
		slots:   make(map[server.ConfigKey]chan struct{}),
		waiting: make(map[reconcile.Request]server.ConfigKey), waiters: make(map[server.ConfigKey]int),
	}
}

func (s *shared[T]) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	key := s.configOf(ctx, req)

	// A resource that is gone, or names no configuration, needs no server.
	if key == (server.ConfigKey{}) {
		s.leave(req)

		return s.Reconciler.Reconcile(ctx, req)
	}

	if wait := s.enter(ctx, key, req); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}

	defer func() { <-s.slotsOf(key) }()

	return s.Reconciler.Reconcile(ctx, req)
}

// configOf returns the configuration of a resource, or an empty key if the resource is gone or
// names none.
func (s *shared[T]) configOf(ctx context.Context, req reconcile.Request) server.ConfigKey {
	mg, ok := s.empty.DeepCopyObject().(T)
	if !ok || s.kube.Get(ctx, req.NamespacedName, mg) != nil {
		return server.ConfigKey{}
	}

	return server.ConfigKeyOf(mg)
}

// enter returns how long a resource has to wait without a worker. If it does not have to wait, it
// counts as running. While few wait, it first waits with its worker for a moment, which is long
// enough unless the server hangs. It does so once: the resources of a server that hangs would
// otherwise keep workers busy by waiting in turn.
func (s *shared[T]) enter(ctx context.Context, key server.ConfigKey, req reconcile.Request) time.Duration {
	slots := s.slotsOf(key)

	select {
	case slots <- struct{}{}:
		s.leave(req)
		return 0
	default:
	}

	before, again := s.wait(key, req)

	if !again && before < s.limit {
		select {
		case slots <- struct{}{}:
			s.leave(req)
			return 0
		case <-ctx.Done():
		case <-time.After(patience):
		}
	}

	return time.Duration(before+1) * turnInterval
}

// slotsOf returns the slots of a configuration. A slot is taken by sending, and freed by
// receiving. They are kept when the configuration is deleted: there are few.
func (s *shared[T]) slotsOf(key server.ConfigKey) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.slots[key] == nil {
		s.slots[key] = make(chan struct{}, s.limit)
	}

	return s.slots[key]
}

// wait records that a resource waits. It returns how many others of its configuration do, and
// whether it has waited before.
func (s *shared[T]) wait(key server.ConfigKey, req reconcile.Request) (others int, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	last, waited := s.waiting[req]
	if waited && last == key {
		return s.waiters[key] - 1, true
	}

	s.drop(req)
	s.waiting[req] = key
	s.waiters[key]++

	return s.waiters[key] - 1, false
}

// leave records that a resource does not wait any more.
func (s *shared[T]) leave(req reconcile.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.drop(req)
}

// drop removes a resource from those that wait. The caller holds the mutex.
func (s *shared[T]) drop(req reconcile.Request) {
	key, found := s.waiting[req]
	if !found {
		return
	}

	delete(s.waiting, req)

	if s.waiters[key]--; s.waiters[key] == 0 {
		delete(s.waiters, key)
	}
}
