package reconciler

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// AnnotationKeyOwnerUID is the annotation that holds the UID of the resource that owns
// the external resource. The other annotations that prove ownership are part of every
// backup and export; the UID of the resource that is made of one is new. The finalizer
// stores the annotation, see NewFinalizer.
const AnnotationKeyOwnerUID = "minio.cistern.dev/owner-uid"

// AnnotationKeyNamesUID is the annotation that holds the UID which names on the server
// follow from: that of the resource that created them. A resource that is restored from a
// backup has another UID and the same names. It is set with the external name, and counts
// only beside that.
const AnnotationKeyNamesUID = "minio.cistern.dev/names-uid"

// OwnerUID returns the UID that mg's annotation AnnotationKeyOwnerUID holds; empty if mg
// has none.
func OwnerUID(mg resource.Managed) types.UID {
	return types.UID(mg.GetAnnotations()[AnnotationKeyOwnerUID])
}

// IsCopy reports whether mg is a copy of another resource, as a backup that is restored
// elsewhere is: another UID is recorded as the owner of the external resource.
func IsCopy(mg resource.Managed) bool {
	owner := OwnerUID(mg)

	return owner != "" && owner != mg.GetUID()
}

// Updatable reports whether mg's management policies allow changes of the external resource.
func Updatable(mg resource.Managed) bool {
	p := mg.GetManagementPolicies()

	return len(p) == 0 || slices.Contains(p, xpv1.ManagementActionAll) || slices.Contains(p, xpv1.ManagementActionUpdate)
}

// Copied returns the error of an observation of a copy. The kind is that of the copy and
// of its original.
func Copied(mg resource.Managed, kind string) error {
	return errors.Errorf("this %[1]s is a copy: its annotation %[2]s says that the %[1]s with UID %[3]s owns %[4]q on the server. "+
		"The copy changes nothing there, and its deletion deletes nothing there. To take over, make sure that no %[1]s with that UID exists any more, "+
		"then set the annotation to %[5]s or remove it",
		kind, AnnotationKeyOwnerUID, OwnerUID(mg), meta.GetExternalName(mg), mg.GetUID())
}

// recordOwner records mg as the owner of its external resource if no owner is recorded,
// and reports whether it did.
func recordOwner(mg resource.Object) bool {
	if mg.GetAnnotations()[AnnotationKeyOwnerUID] != "" {
		return false
	}

	meta.AddAnnotations(mg, map[string]string{AnnotationKeyOwnerUID: string(mg.GetUID())})

	return true
}

// Owns reports whether an external resource that exists under mg's name is mg's own:
// mg created it, or may have created it before it was interrupted, or the external-name
// annotation was set to adopt it. A copy owns nothing.
//
// It relies on two rules. That annotation is set only once the server may have carried out
// the creation, unless nobody else's external resource can have the name. The reconciler
// records the intent to create before it calls Create. So a crash in between loses neither
// the resource nor the proof.
func Owns(mg resource.Managed) bool {
	return !IsCopy(mg) && (meta.GetExternalName(mg) != "" ||
		!meta.GetExternalCreateSucceeded(mg).IsZero() ||
		meta.ExternalCreateIncomplete(mg))
}

// NotOwned returns the error of an observation that found an external resource which
// is not mg's own. It returns nil if mg is being deleted: such an observation reports
// that mg's external resource does not exist, and mg goes without it.
func NotOwned(mg resource.Managed, what, name string) error {
	if meta.WasDeleted(mg) {
		return nil
	}

	return errors.Errorf("%s %q exists and was not made by this resource: choose another name, or set the annotation %s: %s to adopt it",
		what, name, meta.AnnotationKeyExternalName, name)
}

// NotCreatable returns the error of an update of an external resource that does not
// exist. The runtime calls Update for it if the management policies allow updates but
// no creation.
func NotCreatable(what, name string) error {
	return errors.Errorf("%s %q does not exist, and spec.managementPolicies do not allow creating it", what, name)
}

// RecordName sets the external-name annotation, which references read, if an
// interrupted creation left it out. It reports whether mg has changed and must be
// stored.
func RecordName(mg resource.Managed, name string) bool {
	if meta.GetExternalName(mg) != "" {
		return false
	}

	meta.SetExternalName(mg, name)

	return true
}

// Settled reports whether a resource was Ready and Synced when it was last observed,
// and neither its spec nor its deletion has changed since.
func Settled(mg resource.Managed) bool {
	ready, synced := mg.GetCondition(xpv1.TypeReady), mg.GetCondition(xpv1.TypeSynced)

	return !meta.WasDeleted(mg) && meta.GetExternalName(mg) != "" && ready.Status == corev1.ConditionTrue &&
		synced.Status == corev1.ConditionTrue && synced.ObservedGeneration == mg.GetGeneration()
}
