package rules

import (
	"strings"
	"sync"

	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crossplane/function-sdk-go/errors"

	inputv1alpha1 "github.com/cistern-dev/cistern/apis/input/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/package/configuration"
	"github.com/cistern-dev/cistern/package/function"
)

// apis are the definitions of the input and of claims that the packages ship.
type apis struct {
	input, claim *definition
}

// loadAPIs reads the definitions once, because compiling their validation rules is slow.
var loadAPIs = sync.OnceValues(func() (*apis, error) {
	in, err := newDefinition(function.Inputs, inputv1alpha1.InputKind.Version, func(*extv1.JSONSchemaProps) {})
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the definition of the input")
	}

	claim, err := newDefinition(configuration.Definition, tenantv1alpha1.BucketKind.Version, addCrossplane)
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the definition of claims")
	}

	return &apis{input: in, claim: claim}, nil
})

// addCrossplane adds the fields that Crossplane adds to the definition: those of the spec that validation
// rules name, and those of the status, which a claim that is read from a cluster has.
func addCrossplane(root *extv1.JSONSchemaProps) {
	anything := extv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}
	crossplane := *anything.DeepCopy()
	crossplane.Properties = map[string]extv1.JSONSchemaProps{
		"compositionUpdatePolicy":     {Type: "string"},
		"compositionRevisionSelector": anything,
	}
	root.Properties["spec"].Properties["crossplane"] = crossplane

	if status := root.Properties["status"].Properties; status != nil {
		status["crossplane"] = anything
		status["conditions"] = extv1.JSONSchemaProps{Type: "array", Items: &extv1.JSONSchemaPropsOrArray{Schema: &anything}}
	}
}

// Admit treats a claim as the API server does before Crossplane reads it: it sets defaults in the claim,
// validates it, and rejects undefined fields. The error lists all problems, sorted by field.
func Admit(claim map[string]any) error {
	a, err := loadAPIs()
	if err != nil {
		return err
	}

	apiVersion, _ := claim["apiVersion"].(string)
	kind, _ := claim["kind"].(string)

	if gvk := kschema.FromAPIVersionAndKind(apiVersion, kind); gvk != tenantv1alpha1.BucketKind {
		return errors.Errorf("it is a %s %s, not a %s %s",
			apiVersion, kind, tenantv1alpha1.BucketKind.GroupVersion(), tenantv1alpha1.BucketKind.Kind)
	}

	// The provider's webhook does the same.
	if claim["spec"] == nil {
		claim["spec"] = map[string]any{}
	}

	if problems := a.claim.admit(claim); len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}

	return nil
}

// variables are the variables that rules can name.
type variables struct {
	claim, namespace, pool, old *variable
}

// Names of the variables. The namespace's is not "namespace", which is a reserved word of CEL.
const (
	nameClaim     = "claim"
	nameNamespace = "namespaceObject"
	namePool      = "pool"
	nameOld       = "old"
)

func (a *apis) variables() *variables {
	spec, status := a.claim.structural.Properties["spec"], a.claim.structural.Properties["status"]

	return &variables{
		claim:     newVariable(nameClaim, object(map[string]schema.Structural{"metadata": metadata("name", "namespace"), "spec": spec})),
		namespace: newVariable(nameNamespace, object(map[string]schema.Structural{"metadata": metadata("name")})),
		pool:      newVariable(namePool, *a.input.structural.Properties["pools"].Items),
		old:       newVariable(nameOld, status),
	}
}

// metadata returns the schema of metadata with the given string fields, labels and annotations.
func metadata(fields ...string) schema.Structural {
	text := schema.Structural{Generic: schema.Generic{Type: "string"}}
	texts := schema.Structural{
		Generic:              schema.Generic{Type: "object"},
		AdditionalProperties: &schema.StructuralOrBool{Structural: &text},
	}
	properties := map[string]schema.Structural{"labels": texts, "annotations": texts}

	for _, f := range fields {
		properties[f] = text
	}

	return object(properties)
}

func object(properties map[string]schema.Structural) schema.Structural {
	return schema.Structural{Generic: schema.Generic{Type: "object"}, Properties: properties}
}
