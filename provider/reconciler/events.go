package reconciler

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
)

const (
	// eventMemory is how many objects of a kind are remembered with their
	// events; those of others pass as if they were new. At a few hundred bytes
	// each that is some megabytes.
	eventMemory = 10_000

	// eventAge is how old an event must be to be told again. The API server
	// forgets events after an hour, and whoever looks at what still fails should
	// find out why.
	eventAge = time.Hour
)

// ChangeRecorder passes an event on if it differs from the last one of the same
// object and reason. A resource that waits is tried every few seconds, and each
// try says the same.
type ChangeRecorder struct {
	event.Recorder

	memory *eventMemo
}

func NewChangeRecorder(r event.Recorder) ChangeRecorder {
	return ChangeRecorder{Recorder: r, memory: &eventMemo{objects: lru.New(eventMemory), now: time.Now}}
}

// Event records an event that tells something new.
func (r ChangeRecorder) Event(obj runtime.Object, e event.Event) {
	if o, ok := obj.(client.Object); ok && !r.memory.isNew(o, e) {
		return
	}

	r.Recorder.Event(obj, e)
}

// WithAnnotations returns a recorder that adds annotations to events and has the
// same memory.
func (r ChangeRecorder) WithAnnotations(keysAndValues ...string) event.Recorder {
	return ChangeRecorder{Recorder: r.Recorder.WithAnnotations(keysAndValues...), memory: r.memory}
}

// Forget forgets the events of an object.
func (r ChangeRecorder) Forget(key client.ObjectKey) { r.memory.objects.Remove(key) }

// eventMemo remembers the last events of each object.
type eventMemo struct {
	now func() time.Time

	mu      sync.Mutex
	objects *lru.Cache
}

// objectEvents are the last events of one object.
type objectEvents struct {
	uid  types.UID
	last map[event.Reason]toldEvent
}

type toldEvent struct {
	typ     event.Type
	message string
	at      time.Time
}

// isNew reports whether an event tells something new, and remembers it if so.
func (m *eventMemo) isNew(o client.Object, e event.Event) bool {
	m.mu.Lock()
	defer m.mu.Unlock()

	known := objectEvents{uid: o.GetUID(), last: make(map[event.Reason]toldEvent)}
	key, now := client.ObjectKeyFromObject(o), m.now()

	if v, found := m.objects.Get(key); found {
		// Another object may have got the name since.
		if old, ok := v.(objectEvents); ok && old.uid == known.uid {
			known = old
		}
	}

	last, found := known.last[e.Reason]
	if found && last.typ == e.Type && last.message == e.Message && now.Sub(last.at) < eventAge {
		return false
	}

	known.last[e.Reason] = toldEvent{typ: e.Type, message: e.Message, at: now}
	m.objects.Add(key, known)

	return true
}
