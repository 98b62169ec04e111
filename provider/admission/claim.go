// Package admission serves the admission webhooks of the tenants' API: one completes claims
// before the API server validates them, the other denies deletions that would lose data.
package admission

import (
	"context"

	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// ClaimPath is the URL path of the webhook for claims. The provider package's webhook
// configuration has the same.
const ClaimPath = "/mutate-apps-cozystack-io-v1alpha1-bucket"

// Claim returns the webhook that adds an empty spec to a claim without one. Crossplane makes
// spec a required field of every composite resource and drops its default, so only admission
// can accept a manifest without a spec.
func Claim() *webhook.Admission {
	return &webhook.Admission{Handler: admission.HandlerFunc(addSpec)}
}

// addSpec adds an empty spec. The matchConditions of the webhook configuration select claims
// without one.
func addSpec(context.Context, admission.Request) admission.Response {
	return admission.Patched("", jsonpatch.NewOperation("add", "/spec", map[string]any{}))
}
