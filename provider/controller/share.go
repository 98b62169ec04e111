package controller

import (
	"context"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

const (
	// workersPerShare is how many times as many workers a kind has as one provider
	// configuration may keep busy: a server that hangs leaves two thirds of them to others.
	workersPerShare = 3

	// patience is how long a resource waits for its turn with a worker.
	patience = 100 * time.Millisecond

	// turnInterval is how long a resource then waits without one, for each resource of the same
	// configuration that waits. So however many wait, they ask 100 times a second together,
	// from memory.
	turnInterval = 10 * time.Millisecond

	// longestTurn bounds that time.
	longestTurn = time.Second
)

// shared is a reconciler that reconciles at most limit resources of one provider configuration
// at a time. The others of that configuration wait.
type shared[T resource.ModernManaged] struct {
	reconcile.Reconciler

	kube  client.Reader
	empty T
	limit int

	mu      sync.Mutex
	slots   map[configKey]chan struct{}
	waiting map[configKey]map[reconcile.Request]struct{}
}

// configKey names a provider configuration.
type configKey struct{ kind, namespace, name string }

func share[T resource.ModernManaged](r reconcile.Reconciler, kube client.Reader, empty T, limit int) *shared[T] {
	return &shared[T]{
		Reconciler: r, kube: kube, empty: empty, limit: limit,
		slots: make(map[configKey]chan struct{}), waiting: make(map[configKey]map[reconcile.Request]struct{}),
	}
}

func (s *shared[T]) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	key := s.configOf(ctx, req)

	// A resource that is gone, or names no configuration, needs no server.
	if key == (configKey{}) {
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
func (s *shared[T]) configOf(ctx context.Context, req reconcile.Request) configKey {
	mg, ok := s.empty.DeepCopyObject().(T)
	if !ok || s.kube.Get(ctx, req.NamespacedName, mg) != nil {
		return configKey{}
	}

	ref := mg.GetProviderConfigReference()
	if ref == nil {
		return configKey{}
	}

	// A ClusterProviderConfig has the same name in all namespaces. Counting it for each would
	// multiply its share.
	key := configKey{kind: ref.Kind, name: ref.Name}
	if ref.Kind == miniov1alpha1.ProviderConfigKind.Kind {
		key.namespace = req.Namespace
	}

	return key
}

// enter returns how long a resource has to wait without a worker. If it does not have to wait, it
// counts as running. It first waits with its worker for a moment, which is long enough unless the
// server hangs.
func (s *shared[T]) enter(ctx context.Context, key configKey, req reconcile.Request) time.Duration {
	slots := s.slotsOf(key)

	select {
	case slots <- struct{}{}:
		return s.turn(key, req, true)
	case <-ctx.Done():
	case <-time.After(patience):
	}

	return s.turn(key, req, false)
}

// slotsOf returns the slots of a configuration. A slot is taken by sending, and freed by
// receiving. They are kept when the configuration is deleted: there are few.
func (s *shared[T]) slotsOf(key configKey) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.slots[key] == nil {
		s.slots[key] = make(chan struct{}, s.limit)
	}

	return s.slots[key]
}

// turn records whether a resource waits without a worker, and returns how long.
func (s *shared[T]) turn(key configKey, req reconcile.Request, running bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()

	if running {
		delete(s.waiting[key], req)

		if len(s.waiting[key]) == 0 {
			delete(s.waiting, key)
		}

		return 0
	}

	if s.waiting[key] == nil {
		s.waiting[key] = make(map[reconcile.Request]struct{})
	}

	s.waiting[key][req] = struct{}{}

	return min(time.Duration(len(s.waiting[key]))*turnInterval, longestTurn)
}
