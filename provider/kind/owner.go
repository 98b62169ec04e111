package kind

import (
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
