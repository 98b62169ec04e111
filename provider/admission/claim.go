// Package admission mends what tenants hand in before the API server judges it,
// and keeps them from deleting what is still in use.
package admission

import (
	"context"

	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// ClaimPath is where the webhook for claims is served. The package's webhook
// configuration names it too.
const ClaimPath = "/mutate-apps-cozystack-io-v1alpha1-bucket"

// Claim returns the webhook that gives a claim without a spec an empty one.
// Crossplane makes spec a required field of every composite resource and drops
// a default for it, so nothing but admission can help a manifest that has none.
func Claim() *webhook.Admission {
	return &webhook.Admission{Handler: admission.HandlerFunc(addSpec)}
}

// addSpec is called for claims without a spec only: the webhook configuration's
// matchConditions see to it.
func addSpec(context.Context, admission.Request) admission.Response {
	return admission.Patched("", jsonpatch.NewOperation("add", "/spec", map[string]any{}))
}
