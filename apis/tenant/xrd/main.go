// Command xrd converts the CustomResourceDefinition of the tenants' API, which
// controller-gen generates from the Go types, into the CompositeResourceDefinition of
// the Configuration package. It reads standard input and writes standard output.
package main

import (
	"fmt"
	"io"
	"os"

	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const header = "# Code generated from apis/tenant by make generate. DO NOT EDIT.\n"

// definition holds the fields of a CompositeResourceDefinition that this project uses.
// Importing Crossplane's own type would add Crossplane's core to this module.
type definition struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metadata `json:"metadata"`
	Spec            spec     `json:"spec"`
}

type metadata struct {
	Name string `json:"name"`
}

type spec struct {
	Scope string                              `json:"scope"`
	Group string                              `json:"group"`
	Names extv1.CustomResourceDefinitionNames `json:"names"`

	// EnforcedCompositionRef prevents tenants from choosing another Composition,
	// which would have another policy.
	EnforcedCompositionRef metadata  `json:"enforcedCompositionRef"`
	Versions               []version `json:"versions"`
}

type version struct {
	Name                     string                                 `json:"name"`
	Served                   bool                                   `json:"served"`
	Referenceable            bool                                   `json:"referenceable"`
	AdditionalPrinterColumns []extv1.CustomResourceColumnDefinition `json:"additionalPrinterColumns,omitempty"`
	Schema                   *extv1.CustomResourceValidation        `json:"schema"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "xrd:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	b, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("cannot read the definition: %w", err)
	}

	crd := &extv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(b, crd); err != nil {
		return fmt.Errorf("cannot parse the definition: %w", err)
	}

	b, err = yaml.Marshal(convert(crd))
	if err != nil {
		return fmt.Errorf("cannot encode the definition: %w", err)
	}

	_, err = fmt.Fprintf(out, "%s%s", header, b)

	return err
}

func convert(crd *extv1.CustomResourceDefinition) definition {
	d := definition{
		TypeMeta: metav1.TypeMeta{APIVersion: "apiextensions.crossplane.io/v2", Kind: "CompositeResourceDefinition"},
		Metadata: metadata{Name: crd.Name},
		Spec: spec{
			Scope:                  string(crd.Spec.Scope),
			Group:                  crd.Spec.Group,
			Names:                  crd.Spec.Names,
			EnforcedCompositionRef: metadata{Name: crd.Spec.Names.Plural},
		},
	}

	for _, v := range crd.Spec.Versions {
		root := v.Schema.OpenAPIV3Schema
		// Crossplane adds these fields and the conditions itself.
		for _, p := range []string{"apiVersion", "kind", "metadata"} {
			delete(root.Properties, p)
		}

		delete(root.Properties["status"].Properties, "conditions")

		d.Spec.Versions = append(d.Spec.Versions, version{
			Name:                     v.Name,
			Served:                   v.Served,
			Referenceable:            v.Storage,
			AdditionalPrinterColumns: v.AdditionalPrinterColumns,
			Schema:                   v.Schema,
		})
	}

	return d
}
