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

	// turnInterval is how long a resource waits for its turn, for each resource of the same
	// configuration that waits. So however many wait, they ask 100 times a second together,
	// from memory.
	turnInterval = 10 * time.Millisecond

	// longestTurn bounds that time.
	longestTurn = time.Second
)

// shared is a reconciler that reconciles at most limit resources of one provider configuration
// at a time. The others of that configuration wait, without a worker.
type shared[T resource.ModernManaged] struct {
	reconcile.Reconciler

	kube  client.Reader
	empty T
	limit int

	mu      sync.Mutex
	running map[configKey]int
	waiting map[configKey]map[reconcile.Request]struct{}
}

// configKey names a provider configuration.
type configKey struct{ kind, namespace, name string }

func share[T resource.ModernManaged](r reconcile.Reconciler, kube client.Reader, empty T, limit int) *shared[T] {
	return &shared[T]{
		Reconciler: r, kube: kube, empty: empty, limit: limit,
		running: make(map[configKey]int), waiting: make(map[configKey]map[reconcile.Request]struct{}),
	}
}

func (s *shared[T]) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	key := s.configOf(ctx, req)

	if wait := s.enter(key, req); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}

	defer s.leave(key)

	return s.Reconciler.Reconcile(ctx, req)
}

// configOf returns the configuration of a resource. A resource that is gone, or names none,
// needs no server, and counts for an empty key.
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

// enter returns how long a resource has to wait. If it does not have to wait, it counts as
// running.
func (s *shared[T]) enter(key configKey, req reconcile.Request) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.running[key] >= s.limit && key != (configKey{}) {
		if s.waiting[key] == nil {
			s.waiting[key] = make(map[reconcile.Request]struct{})
		}

		s.waiting[key][req] = struct{}{}

		return min(time.Duration(len(s.waiting[key]))*turnInterval, longestTurn)
	}

	s.running[key]++

	delete(s.waiting[key], req)

	if len(s.waiting[key]) == 0 {
		delete(s.waiting, key)
	}

	return 0
}

func (s *shared[T]) leave(key configKey) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.running[key]--; s.running[key] == 0 {
		delete(s.running, key)
	}
}
