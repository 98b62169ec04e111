package upjet

import (
	"maps"
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	"github.com/crossplane/upjet/v2/pkg/config"
	"github.com/crossplane/upjet/v2/pkg/types/name"
)

// naming determines the external name of a resource. The name is always known before
// the external resource is created, so that an interrupted creation is found again.
type naming struct {
	// argument is the argument of the Terraform resource that takes the name. It is not
	// in the spec: the name is the external-name annotation, or else metadata.name.
	argument string
	// upper reports whether the server requires names in upper case.
	upper bool
	// fields of the spec form the name, their values joined by slashes, if there is no
	// argument for it.
	fields []string
	// fixed are arguments with a constant value. They are not in the spec.
	fixed map[string]any
	// omitted are arguments that are never sent and not in the spec.
	omitted []string
}

// config returns the naming as upjet's configuration.
func (n naming) config() config.ExternalName {
	omitted := append([]string{n.argument}, n.omitted...)
	for argument := range n.fixed {
		omitted = append(omitted, argument)
	}

	return config.ExternalName{
		SetIdentifierArgumentFn: func(arguments map[string]any, external string) {
			if n.argument != "" {
				arguments[n.argument] = external
			}

			maps.Copy(arguments, n.fixed)
		},
		GetIDFn: config.ExternalNameAsID,
		GetExternalNameFn: func(state map[string]any) (string, error) {
			if n.argument != "" {
				return config.IDAsExternalName(state)
			}

			return n.join(state), nil
		},
		OmittedFields:          omitted,
		DisableNameInitializer: true,
	}
}

// of returns the external name of mg, and an error if the spec lacks a part of it.
func (n naming) of(mg Resource) (string, error) {
	if external := meta.GetExternalName(mg); external != "" {
		return external, nil
	}

	if n.argument != "" {
		if n.upper {
			return strings.ToUpper(mg.GetName()), nil
		}

		return mg.GetName(), nil
	}

	parameters, err := mg.GetMergedParameters(true)
	if err != nil {
		return "", errors.Wrap(err, "cannot read the spec")
	}

	for _, f := range n.fields {
		if value, _ := parameters[f].(string); value == "" {
			return "", errors.Errorf("spec.forProvider.%s is empty: set it, or a reference that fills it", name.NewFromSnake(f).LowerCamelComputed)
		}
	}

	return n.join(parameters), nil
}

// join returns the values of the fields, joined by slashes.
func (n naming) join(values map[string]any) string {
	parts := make([]string, 0, len(n.fields))

	for _, f := range n.fields {
		value, _ := values[f].(string)
		parts = append(parts, value)
	}

	return strings.Join(parts, "/")
}
