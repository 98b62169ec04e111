package bench

import (
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// changeCount counts the changes of watched objects by their kind and what changed.
type changeCount struct {
	watch *watch
	// counts is guarded by the watch's lock.
	counts counts
}

// count begins to count changes; stop ends it. There is one count at a time.
func (w *watch) count() *changeCount {
	c := &changeCount{watch: w, counts: counts{}}

	w.mu.Lock()
	defer w.mu.Unlock()

	w.changes = c

	return c
}

// stop returns the counts.
func (c *changeCount) stop() counts {
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()

	c.watch.changes = nil

	return c.counts
}

// changed counts the change of an object from one state to another; before is nil for a new object.
func (w *watch) changed(i id, before, after *unstructured.Unstructured) {
	w.mu.Lock()
	defer w.mu.Unlock()

	if w.changes != nil && w.counts(i) {
		w.changes.counts[string(i.kind)+", "+difference(before, after)]++
	}
}

// difference returns which part of an object differs between two states.
func difference(before, after *unstructured.Unstructured) string {
	if before == nil {
		return "created"
	}

	part := func(u *unstructured.Unstructured, fields ...string) any {
		v, _, _ := unstructured.NestedFieldNoCopy(u.Object, fields...)

		return v
	}
	differs := func(fields ...string) bool {
		return !reflect.DeepEqual(part(before, fields...), part(after, fields...))
	}

	switch {
	case differs("spec"):
		return "spec"
	case differs("status"):
		return "status"
	case differs("metadata", "annotations"), differs("metadata", "finalizers"), differs("metadata", "labels"):
		return "annotations, finalizers and labels"
	}

	return "owners of fields only"
}
