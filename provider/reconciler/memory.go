package reconciler

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Memory holds what a kind remembers of each resource between reconciles, in this
// process only: a restart forgets all of it. T is a struct whose zero value means
// that nothing is known.
//
// A controller reconciles each object by one worker at a time, so what Of returns
// needs no lock.
type Memory[T any] struct {
	mu      sync.Mutex
	objects map[client.ObjectKey]*remembered[T]
}

type remembered[T any] struct {
	uid  types.UID
	what T
}

// NewMemory returns an empty Memory.
func NewMemory[T any]() *Memory[T] {
	return &Memory[T]{objects: make(map[client.ObjectKey]*remembered[T])}
}

// Of returns what is remembered of an object, for the caller to read and change until
// its reconcile ends. Nothing is remembered of an object that had the same name
// before.
func (m *Memory[T]) Of(obj client.Object) *T {
	m.mu.Lock()
	defer m.mu.Unlock()

	key := client.ObjectKeyFromObject(obj)

	r := m.objects[key]
	if r == nil || r.uid != obj.GetUID() {
		r = &remembered[T]{uid: obj.GetUID()}
		m.objects[key] = r
	}

	return &r.what
}

// Forget forgets an object that no longer exists.
func (m *Memory[T]) Forget(key client.ObjectKey) {
	m.mu.Lock()
	defer m.mu.Unlock()

	delete(m.objects, key)
}
