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
// only record a creation, an owner, names, or what references resolve to. The reconciler makes
// those itself, and goes on with the resource anyway; to reconcile at once would read a
// cache that does not hold all its writes yet, and cost one more reconcile for each.
func DesiredStateChanged() predicate.Predicate {
	return predicate.And(resource.DesiredStateChanged(), predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool { return !recordsOnly(e.ObjectOld, e.ObjectNew) },
	})
}

// recordsOnly reports whether an update changes nothing but what the reconciler records
// in annotations: that a creation succeeded, the external name, the owner, the UID that names
// follow from, or what references resolve to. Removing the last record is a request to resolve
// the references anew, and replacing another owner lets a copy take over: neither counts.
func recordsOnly(before, after client.Object) bool {
	a, b := before.GetAnnotations(), after.GetAnnotations()
	created := a[meta.AnnotationKeyExternalCreateSucceeded] != b[meta.AnnotationKeyExternalCreateSucceeded]
	owned := a[AnnotationKeyOwnerUID] == "" && b[AnnotationKeyOwnerUID] != "" && b[AnnotationKeyOwnerUID] == string(after.GetUID())
	named := a[AnnotationKeyNamesUID] == "" && b[AnnotationKeyNamesUID] != ""
	resolved := a[annotationKeyReferences] != b[annotationKeyReferences] && b[annotationKeyReferences] != ""

	ignored := []string{meta.AnnotationKeyExternalCreatePending, meta.AnnotationKeyExternalCreateFailed}
	if created {
		ignored = append(ignored, meta.AnnotationKeyExternalCreateSucceeded, meta.AnnotationKeyExternalName)
	}

	if owned {
		ignored = append(ignored, AnnotationKeyOwnerUID)
	}

	if named {
		ignored = append(ignored, AnnotationKeyNamesUID, meta.AnnotationKeyExternalName)
	}

	if resolved {
		ignored = append(ignored, annotationKeyReferences)
	}

	return (created || owned || named || resolved) && before.GetGeneration() == after.GetGeneration() &&
		maps.Equal(before.GetLabels(), after.GetLabels()) && maps.Equal(without(a, ignored), without(b, ignored))
}

// without returns annotations without those of some keys.
func without(annotations map[string]string, keys []string) map[string]string {
	others := maps.Clone(annotations)
	for _, key := range keys {
		delete(others, key)
	}

	return others
}
