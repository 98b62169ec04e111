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
	// maxRemembered is how many objects of a kind are remembered with their last
	// events, some megabytes at a few hundred bytes each. An event of any other object
	// counts as new.
	maxRemembered = 10_000

	// repeatAfter is the age at which an event is recorded again. The API server keeps
	// events for an hour, and what still fails then should still show why.
	repeatAfter = time.Hour
)

// ChangeRecorder records an event only if it differs from the last event of the same
// object and reason. A resource that waits is retried every few seconds, and each
// attempt reports the same. It is safe for concurrent use.
type ChangeRecorder struct {
	event.Recorder

	memory *eventMemory
}

// NewChangeRecorder returns a ChangeRecorder that records through r.
func NewChangeRecorder(r event.Recorder) ChangeRecorder {
	return ChangeRecorder{Recorder: r, memory: &eventMemory{objects: lru.New(maxRemembered), now: time.Now}}
}

// Event records an event unless it repeats the last one of its object and reason.
func (r ChangeRecorder) Event(obj runtime.Object, e event.Event) {
	if o, ok := obj.(client.Object); ok && !r.memory.isNew(o, e) {
		return
	}

	r.Recorder.Event(obj, e)
}

// WithAnnotations returns a recorder that adds annotations to events. It shares the
// memory of r: the runtime asks for such a recorder in each reconcile.
func (r ChangeRecorder) WithAnnotations(keysAndValues ...string) event.Recorder {
	return ChangeRecorder{Recorder: r.Recorder.WithAnnotations(keysAndValues...), memory: r.memory}
}

// Forget drops the events of an object that no longer exists.
func (r ChangeRecorder) Forget(key client.ObjectKey) { r.memory.objects.Remove(key) }

// eventMemory remembers the last events of each object.
type eventMemory struct {
	now func() time.Time

	mu      sync.Mutex
	objects *lru.Cache
}

// objectEvents are the last events of one object.
type objectEvents struct {
	uid  types.UID
	last map[event.Reason]recordedEvent
}

type recordedEvent struct {
	typ     event.Type
	message string
	at      time.Time
}

// isNew reports whether an event is to be recorded, and remembers it if so.
func (m *eventMemory) isNew(o client.Object, e event.Event) bool {
	m.mu.Lock()
	defer m.mu.Unlock()

	known := objectEvents{uid: o.GetUID(), last: make(map[event.Reason]recordedEvent)}
	key, now := client.ObjectKeyFromObject(o), m.now()

	if v, found := m.objects.Get(key); found {
		// An earlier object may have had the same name.
		if old, ok := v.(objectEvents); ok && old.uid == known.uid {
			known = old
		}
	}

	last, found := known.last[e.Reason]
	if found && last.typ == e.Type && last.message == e.Message && now.Sub(last.at) < repeatAfter {
		return false
	}

	known.last[e.Reason] = recordedEvent{typ: e.Type, message: e.Message, at: now}
	m.objects.Add(key, known)

	return true
}
