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
// only record a creation or an owner. The reconciler makes those itself, and requeues the
// resource anyway; to reconcile at once would read a cache that does not hold all its
// writes yet, and cost one more reconcile for each creation.
func DesiredStateChanged() predicate.Predicate {
	return predicate.And(resource.DesiredStateChanged(), predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool { return !isRecord(e.ObjectOld, e.ObjectNew) },
	})
}

// isRecord reports whether an update changes nothing but the record that a creation
// succeeded, the external name that was created, and the owner. An update that replaces
// another owner is no record: it lets a copy take over.
func isRecord(before, after client.Object) bool {
	a, b := before.GetAnnotations(), after.GetAnnotations()
	created := a[meta.AnnotationKeyExternalCreateSucceeded] != b[meta.AnnotationKeyExternalCreateSucceeded]
	owned := a[AnnotationKeyOwnerUID] == "" && b[AnnotationKeyOwnerUID] != "" && b[AnnotationKeyOwnerUID] == string(after.GetUID())

	return (created || owned) &&
		before.GetGeneration() == after.GetGeneration() &&
		maps.Equal(before.GetLabels(), after.GetLabels()) &&
		maps.Equal(withoutRecords(before), withoutRecords(after))
}

// withoutRecords returns the annotations of a resource without those that record its
// creation, or itself as the owner.
func withoutRecords(obj client.Object) map[string]string {
	a := maps.Clone(obj.GetAnnotations())
	for _, key := range []string{
		meta.AnnotationKeyExternalCreatePending, meta.AnnotationKeyExternalCreateSucceeded,
		meta.AnnotationKeyExternalCreateFailed, meta.AnnotationKeyExternalName,
	} {
		delete(a, key)
	}

	if a[AnnotationKeyOwnerUID] == string(obj.GetUID()) {
		delete(a, AnnotationKeyOwnerUID)
	}

	return a
}
