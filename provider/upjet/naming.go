package upjet

import (
	"maps"
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	"github.com/crossplane/upjet/v2/pkg/config"
	"github.com/crossplane/upjet/v2/pkg/types/name"
)

// naming says what a resource's external resource is called. The name is always
// known before it is made, so that a creation that was cut short is found again.
type naming struct {
	// argument of the Terraform resource that the name is. It is not in the spec:
	// the name is the annotation, or else that of the resource.
	argument string
	// upper says that the server wants names in upper case.
	upper bool
	// fields of the spec whose values, joined by slashes, are the name, where there
	// is no argument for it.
	fields []string
	// fixed arguments, which are not in the spec either.
	fixed map[string]any
	// omitted arguments.
	omitted []string
}

// config returns the naming in upjet's terms.
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

// of returns the name of mg's external resource.
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
			return "", errors.Errorf("spec.forProvider says neither %s nor where to take it from", name.NewFromSnake(f).LowerCamelComputed)
		}
	}

	return n.join(parameters), nil
}

func (n naming) join(values map[string]any) string {
	parts := make([]string, 0, len(n.fields))

	for _, f := range n.fields {
		value, _ := values[f].(string)
		parts = append(parts, value)
	}

	return strings.Join(parts, "/")
}
