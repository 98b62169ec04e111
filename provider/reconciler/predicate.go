package reconciler

import (
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// DesiredStateChanged passes events after which a resource's desired state may be
// another: a new generation, other labels or other annotations. It drops updates that
// only record a creation. The reconciler makes those itself, and requeues the resource
// anyway; to reconcile at once would read a cache that does not hold all its writes
// yet, and cost one more reconcile for each creation.
func DesiredStateChanged() predicate.Predicate {
	return predicate.And(resource.DesiredStateChanged(), predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool { return !recordsCreation(e.ObjectOld, e.ObjectNew) },
	})
}

// recordsCreation reports whether an update changes nothing but the record that a
// creation succeeded, and the external name that was created.
func recordsCreation(before, after client.Object) bool {
	const succeeded = meta.AnnotationKeyExternalCreateSucceeded

	return before.GetAnnotations()[succeeded] != after.GetAnnotations()[succeeded] &&
		before.GetGeneration() == after.GetGeneration() &&
		maps.Equal(before.GetLabels(), after.GetLabels()) &&
		maps.Equal(withoutCreation(before), withoutCreation(after))
}

// withoutCreation returns the annotations of a resource without those that record its
// creation.
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
