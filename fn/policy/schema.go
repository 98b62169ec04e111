package policy

import (
	"maps"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	schemacel "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/crossplane/function-sdk-go/errors"

	input "github.com/cistern-dev/cistern/apis/input/v1alpha1"
	tenant "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/package/configuration"
	"github.com/cistern-dev/cistern/package/function"
)

// version is what a CustomResourceDefinition and a CompositeResourceDefinition
// say alike of a version.
type version struct {
	Name   string                         `json:"name"`
	Schema extv1.CustomResourceValidation `json:"schema"`
}

// apis are the schemas of the input and of claims, as the packages ship them.
type apis struct {
	// input is for defaults, fieldsOf and rulesOf for validation.
	input    *schema.Structural
	fieldsOf validation.SchemaValidator
	rulesOf  *schemacel.Validator

	// claim is the claim's root.
	claim *schema.Structural
}

// loadAPIs reads the schemas once: compiling their rules takes a while.
var loadAPIs = sync.OnceValues(func() (*apis, error) {
	props, in, err := parse(function.Inputs, input.InputKind.Version)
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the definition of the input")
	}

	fields, _, err := validation.NewSchemaValidator(props)
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the definition of the input")
	}

	_, claim, err := parse(configuration.Definition, tenant.BucketKind.Version)
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the definition of claims")
	}

	return &apis{
		input:    in,
		fieldsOf: fields,
		rulesOf:  schemacel.NewValidator(in, true, celconfig.PerCallLimit),
		claim:    claim,
	}, nil
})

// parse returns the schema of one version of a definition.
func parse(definition, name string) (*apiextensions.JSONSchemaProps, *schema.Structural, error) {
	d := struct {
		Spec struct {
			Versions []version `json:"versions"`
		} `json:"spec"`
	}{}
	if err := yaml.Unmarshal([]byte(definition), &d); err != nil {
		return nil, nil, err
	}

	for _, v := range d.Spec.Versions {
		if v.Name != name {
			continue
		}

		props := &apiextensions.JSONSchemaProps{}
		if err := extv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, props, nil); err != nil {
			return nil, nil, err
		}

		s, err := schema.NewStructural(props)

		return props, s, err
	}

	return nil, nil, errors.Errorf("there is no version %s", name)
}

// variables are what rules can name.
type variables struct {
	claim, namespace, pool, old *variable
}

// The parser of CEL keeps the word namespace for itself.
const (
	nameClaim     = "claim"
	nameNamespace = "namespaceObject"
	namePool      = "pool"
	nameOld       = "old"
)

func (a *apis) variables() *variables {
	spec, status := a.claim.Properties["spec"], a.claim.Properties["status"]

	return &variables{
		claim:     newVariable(nameClaim, object(map[string]schema.Structural{"metadata": metadata("name", "namespace"), "spec": spec})),
		namespace: newVariable(nameNamespace, object(map[string]schema.Structural{"metadata": metadata("name")})),
		pool:      newVariable(namePool, *a.input.Properties["pools"].Items),
		old:       newVariable(nameOld, status),
	}
}

// metadata has these texts, labels and annotations.
func metadata(texts ...string) schema.Structural {
	text := schema.Structural{Generic: schema.Generic{Type: "string"}}
	table := schema.Structural{
		Generic:              schema.Generic{Type: "object"},
		AdditionalProperties: &schema.StructuralOrBool{Structural: &text},
	}
	fields := map[string]schema.Structural{"labels": table, "annotations": table}

	for _, t := range texts {
		fields[t] = text
	}

	return object(fields)
}

func object(fields map[string]schema.Structural) schema.Structural {
	return schema.Structural{Generic: schema.Generic{Type: "object"}, Properties: fields}
}

// legible returns the schema with quantities as text, whatever they were
// written as: quantity(claim.spec.quota) takes text only.
func legible(s schema.Structural) *schema.Structural {
	if s.XIntOrString {
		return &schema.Structural{Generic: schema.Generic{Type: "string"}}
	}

	s.Properties = maps.Clone(s.Properties)
	for name, p := range s.Properties {
		s.Properties[name] = *legible(p)
	}

	if s.Items != nil {
		s.Items = legible(*s.Items)
	}

	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		s.AdditionalProperties = &schema.StructuralOrBool{Structural: legible(*s.AdditionalProperties.Structural)}
	}

	return &s
}
