package reconciler

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Memory keeps what a kind remembers of each resource between reconciles. It lives in
// this process only: a restart forgets all of it. The zero value of T means that
// nothing is known.
//
// Memory is safe for concurrent use. What Of returns needs no lock, because a
// controller never reconciles one object by two workers at once.
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

// Of returns what is remembered of an object. The caller may read and change it until
// its reconcile ends. What was remembered of an earlier object of the same name is
// dropped.
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

// Forget drops what is remembered of an object that no longer exists.
func (m *Memory[T]) Forget(key client.ObjectKey) {
	m.mu.Lock()
	defer m.mu.Unlock()

	delete(m.objects, key)
}
