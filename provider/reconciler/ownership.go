package reconciler

import (
	corev1 "k8s.io/api/core/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// Owns reports whether an external resource that exists under mg's name may be
// taken for mg's own: mg created it, or was on the way to, or somebody asked to
// adopt it by setting the external-name annotation.
//
// It relies on Create to set that annotation only once the server may have
// carried out the creation, and on the reconciler to record the intent to
// create before it calls Create; so the proof survives a crash in between.
func Owns(mg resource.Managed) bool {
	return meta.GetExternalName(mg) != "" ||
		!meta.GetExternalCreateSucceeded(mg).IsZero() ||
		meta.ExternalCreateIncomplete(mg)
}

// NotOwned is the observation's error for an external resource that exists and is
// not mg's own; nil if mg is being deleted, to whom it is as if it did not exist.
func NotOwned(mg resource.Managed, what, name string) error {
	if meta.WasDeleted(mg) {
		return nil
	}

	return errors.Errorf("%s %q exists and was not made by this resource: choose another name, or set the annotation %s: %s to adopt it",
		what, name, meta.AnnotationKeyExternalName, name)
}

// NotCreatable is the error of an update of an external resource that does not
// exist: the runtime asks for one where management policies allow updates but no
// creation.
func NotCreatable(what, name string) error {
	return errors.Errorf("%s %q does not exist, and spec.managementPolicies do not allow creating it", what, name)
}

// RecordName records the name of mg's external resource if a creation never got
// to it, and reports whether mg has changed and must be stored: references read
// the name there.
func RecordName(mg resource.Managed, name string) bool {
	if meta.GetExternalName(mg) != "" {
		return false
	}

	meta.SetExternalName(mg, name)

	return true
}

// Settled reports whether a resource was Ready and Synced when it was last
// observed, and has not changed since.
func Settled(mg resource.Managed) bool {
	ready, synced := mg.GetCondition(xpv1.TypeReady), mg.GetCondition(xpv1.TypeSynced)

	return !meta.WasDeleted(mg) && meta.GetExternalName(mg) != "" && ready.Status == corev1.ConditionTrue &&
		synced.Status == corev1.ConditionTrue && synced.ObservedGeneration == mg.GetGeneration()
}
