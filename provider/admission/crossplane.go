package admission

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// URL paths of the webhooks for Crossplane's fields of claims. The provider package's webhook
// configuration has the same.
const (
	CrossplanePath = "/restore-crossplane-of-claims"
	ReferencesPath = "/remove-references-of-new-claims"
)

// JSON pointers to Crossplane's fields of a claim.
const (
	pathSpec        = "/spec"
	pathCrossplane  = "/spec/crossplane"
	pathReferences  = "/spec/crossplane/resourceRefs"
	pathAnnotations = "/metadata/annotations"
	pathPaused      = "/metadata/annotations/crossplane.io~1paused"
	pathRestores    = "/metadata/annotations/apps.cozystack.io~1restores"
)

// Crossplane returns the webhook that keeps tenants from changing how Crossplane composes a
// claim: it sets spec.crossplane and the annotation crossplane.io/paused back to what they were,
// or removes them from a new claim, and warns. With these fields a tenant could hide resources
// from the function, or evade later changes of the platform's policy. The matchConditions of the
// webhook configuration exclude users who may compose claims, such as Crossplane itself.
func Crossplane() *webhook.Admission {
	return &webhook.Admission{Handler: admission.HandlerFunc(restoreCrossplane)}
}

// composedBucket matches the names of Buckets that are composed for claims.
var composedBucket = regexp.MustCompile(tenantv1alpha1.ComposedBucketPattern)

// References returns the webhook that removes spec.crossplane.resourceRefs from a new claim, for
// every user. The names of composed resources follow from the claim's UID, so a claim that is
// restored from a backup refers to resources of another claim. The Bucket that it refers to becomes
// the annotation tenantv1alpha1.AnnotationRestores: until that is restored too, the function must not
// compose a new one.
func References() *webhook.Admission {
	return &webhook.Admission{Handler: admission.HandlerFunc(func(_ context.Context, req admission.Request) admission.Response {
		claim, err := fieldsOf(req.Object.Raw)
		if err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}

		if _, found := claim.crossplane["resourceRefs"]; !found {
			return admission.Allowed("")
		}

		patches := []jsonpatch.Operation{jsonpatch.NewOperation("remove", pathReferences, nil)}

		if name := claim.bucket(); name != "" && claim.annotations[tenantv1alpha1.AnnotationRestores] == nil {
			patches = append(patches, patch(claim.annotations, pathAnnotations, pathRestores, name, false)...)
		}

		return admission.Patched("", patches...)
	})}
}

// claimFields are the fields of a claim that are Crossplane's, and those that hold them. Each is
// nil unless the claim has it.
type claimFields struct {
	spec, crossplane, annotations map[string]any
}

// paused returns the value of the pause annotation, or nil if there is none.
func (f claimFields) paused() any { return f.annotations[meta.AnnotationKeyReconciliationPaused] }

// bucket returns the name of the composed Bucket that the claim refers to; empty if there is none.
func (f claimFields) bucket() string {
	refs, _ := f.crossplane["resourceRefs"].([]any)
	for _, r := range refs {
		r, _ := r.(map[string]any)
		apiVersion, _ := r["apiVersion"].(string)
		name, _ := r["name"].(string)

		if strings.HasPrefix(apiVersion, miniov1alpha1.Group+"/") && r["kind"] == miniov1alpha1.BucketKind.Kind &&
			composedBucket.MatchString(name) {
			return name
		}
	}

	return ""
}

// fieldsOf returns Crossplane's fields of an encoded claim. No claim has none.
func fieldsOf(raw []byte) (claimFields, error) {
	claim := map[string]any{}
	if len(raw) == 0 {
		return claimFields{}, nil
	}

	if err := json.Unmarshal(raw, &claim); err != nil {
		return claimFields{}, errors.Wrap(err, "cannot decode the claim")
	}

	f := claimFields{}
	for _, field := range []struct {
		to   *map[string]any
		path []string
	}{
		{to: &f.spec, path: []string{"spec"}},
		{to: &f.crossplane, path: []string{"spec", "crossplane"}},
		{to: &f.annotations, path: []string{"metadata", "annotations"}},
	} {
		// A null is the same as no value.
		if v, found, _ := unstructured.NestedFieldNoCopy(claim, field.path...); found && v != nil {
			m, ok := v.(map[string]any)
			if !ok {
				return claimFields{}, errors.Errorf("cannot decode the claim: field %v is not an object", field.path)
			}

			*field.to = m
		}
	}

	return f, nil
}

func restoreCrossplane(_ context.Context, req admission.Request) admission.Response {
	is, err := fieldsOf(req.Object.Raw)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}

	was, err := fieldsOf(req.OldObject.Raw)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}

	var (
		patches  []jsonpatch.Operation
		warnings []string
	)

	if !reflect.DeepEqual(is.crossplane, was.crossplane) {
		patches = append(patches, patch(is.spec, pathSpec, pathCrossplane, was.crossplane, was.crossplane == nil)...)
		warnings = append(warnings, "spec.crossplane is set by Crossplane only: the claim keeps the value that it had")
	}

	if !reflect.DeepEqual(is.paused(), was.paused()) {
		patches = append(patches, patch(is.annotations, pathAnnotations, pathPaused, was.paused(), was.paused() == nil)...)
		warnings = append(warnings,
			"the annotation "+meta.AnnotationKeyReconciliationPaused+" is set by the platform team only: the claim keeps the value that it had")
	}

	return admission.Patched("", patches...).WithWarnings(warnings...)
}

// patch returns the operations that set a field of an object back to what it was, or remove it
// if it was absent. They create the object at path parent if it is nil.
func patch(object map[string]any, parent, path string, was any, absent bool) []jsonpatch.Operation {
	if absent {
		return []jsonpatch.Operation{jsonpatch.NewOperation("remove", path, nil)}
	}

	var patches []jsonpatch.Operation
	if object == nil {
		patches = append(patches, jsonpatch.NewOperation("add", parent, map[string]any{}))
	}

	return append(patches, jsonpatch.NewOperation("add", path, was))
}
