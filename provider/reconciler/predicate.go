package reconciler

import (
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// DesiredStateChanged passes what may have changed what a resource should be like.
// The record of a creation does not: the reconciler writes it, and looks again in a
// moment anyway. Woken by it as well, it would look at once, through a cache that
// does not know all that it wrote, and then once more.
func DesiredStateChanged() predicate.Predicate {
	return predicate.And(resource.DesiredStateChanged(), predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool { return !recordsCreation(e.ObjectOld, e.ObjectNew) },
	})
}

// recordsCreation reports whether all that is new of a resource is that its creation
// succeeded, and under which name.
func recordsCreation(before, after client.Object) bool {
	const succeeded = meta.AnnotationKeyExternalCreateSucceeded

	return before.GetAnnotations()[succeeded] != after.GetAnnotations()[succeeded] &&
		before.GetGeneration() == after.GetGeneration() &&
		maps.Equal(before.GetLabels(), after.GetLabels()) &&
		maps.Equal(withoutCreation(before), withoutCreation(after))
}

// withoutCreation returns the annotations of a resource but for those that tell of
// its creation.
func withoutCreation(obj client.Object) map[string]string {
	a := maps.Clone(obj.GetAnnotations())
	for _, key := range []string{
		meta.AnnotationKeyExternalCreatePending, meta.AnnotationKeyExternalCreateSucceeded,
		meta.AnnotationKeyExternalCreateFailed, meta.AnnotationKeyExternalName,
	} {
		delete(a, key)
	}

	return a
}
