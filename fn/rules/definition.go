package rules

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	schemacel "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/crossplane/function-sdk-go/errors"
)

// definition is one version of a kind, prepared for admission as an API server does it.
type definition struct {
	structural *schema.Structural
	fields     validation.SchemaValidator
	rules      *schemacel.Validator
}

// version holds the fields that a version has in both a CustomResourceDefinition and a
// CompositeResourceDefinition.
type version struct {
	Name   string                         `json:"name"`
	Schema extv1.CustomResourceValidation `json:"schema"`
}

// newDefinition reads one version of a YAML definition, and applies change to its schema.
func newDefinition(text, name string, change func(*extv1.JSONSchemaProps)) (*definition, error) {
	d := struct {
		Spec struct {
			Versions []version `json:"versions"`
		} `json:"spec"`
	}{}
	if err := yaml.Unmarshal([]byte(text), &d); err != nil {
		return nil, err
	}

	i := slices.IndexFunc(d.Spec.Versions, func(v version) bool { return v.Name == name })
	if i < 0 {
		return nil, errors.Errorf("there is no version %s", name)
	}

	root := d.Spec.Versions[i].Schema.OpenAPIV3Schema
	change(root)

	props := &apiextensions.JSONSchemaProps{}
	if err := extv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(root, props, nil); err != nil {
		return nil, err
	}

	s, err := schema.NewStructural(props)
	if err != nil {
		return nil, err
	}

	fields, _, err := validation.NewSchemaValidator(props)

	return &definition{structural: s, fields: fields, rules: schemacel.NewValidator(s, true, celconfig.PerCallLimit)}, err
}

// admit sets defaults in an object and validates it, as an API server does. It returns the problems,
// sorted.
func (d *definition) admit(obj map[string]any) []string {
	problems := pruning.PruneWithOptions(obj, d.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for i, path := range problems {
		problems[i] = path + ": there is no such field"
	}

	defaulting.PruneNonNullableNullsWithoutDefaults(obj, d.structural)
	defaulting.Default(obj, d.structural)

	errs := validation.ValidateCustomResource(nil, obj, d.fields)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, d.structural, obj)...)

	// Validation rules assume that fields have the right types.
	if len(errs) == 0 {
		errs, _ = d.rules.Validate(context.Background(), nil, d.structural, obj, nil, celconfig.RuntimeCELCostBudget)
	}

	for _, err := range errs {
		problems = append(problems, problem(err))
	}

	slices.Sort(problems)

	return slices.Compact(problems)
}

// problem returns the text of a validation error. Kubernetes' own text may repeat the field's name, and
// has odd names for the root.
func problem(err *field.Error) string {
	if root := (*field.Path)(nil); err.Field == root.String() {
		return err.Detail
	}

	return err.Field + ": " + strings.ReplaceAll(err.ErrorBody(), err.Field+" in body ", "")
}
