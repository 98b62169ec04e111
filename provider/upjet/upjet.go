// Package upjet makes managed resources of the long tail of MinIO's features. The
// Terraform provider for MinIO knows how to drive them, upjet makes kinds and
// clients of it, and what is wrong with the former is put right here.
package upjet

import (
	"github.com/aminueza/terraform-provider-minio/v2/minio"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	"github.com/crossplane/upjet/v2/pkg/config"
	"github.com/crossplane/upjet/v2/pkg/registry"
	"github.com/crossplane/upjet/v2/pkg/types/name"
)

const (
	// rootGroup is what the API groups of all kinds end in.
	rootGroup = "minio.cistern.dev"
	// modulePath is the path of the Go module.
	modulePath = "github.com/cistern-dev/cistern"
	// version of the API of all kinds.
	version = "v1alpha1"
)

func init() { //nolint:gochecknoinits // Names of fields, as Kubernetes spells them.
	name.AddAcronym("dn", "DN")
}

// Kind is what is particular to one kind of managed resource.
type Kind struct {
	*config.Resource

	naming naming
}

// Kinds returns all kinds, ready to be generated or driven.
func Kinds() []*Kind {
	resources := minio.Provider().ResourcesMap

	kinds := make([]*Kind, 0, len(specs))
	for _, s := range specs {
		kinds = append(kinds, s.configure(resources[s.terraform]))
	}

	return kinds
}

// Provider returns what upjet's generators work on.
func Provider() *config.Provider {
	p := &config.Provider{
		ModulePath:              modulePath,
		RootGroup:               rootGroup,
		ShortName:               "minio",
		TerraformResourcePrefix: "minio_",
		Resources:               make(map[string]*config.Resource),
	}

	for _, k := range Kinds() {
		p.Resources[k.Name] = k.Resource
	}

	return p
}

// spec says what becomes of a resource of the Terraform provider.
type spec struct {
	// terraform is the resource's name there.
	terraform string
	// group is the first part of the API group; the kind is in it.
	group, kind string
	// description of the kind, and docs of its fields by their Terraform paths.
	description string
	docs        map[string]string
	naming      naming
	references  config.References
	// required fields that the schema does not require.
	required []string
	// observed fields are moved to the status: what they ask for is not wanted.
	observed []string
	// objects are lists of one that become objects.
	objects []string
	guard   guard
}

// configure returns the kind that a resource becomes.
func (s spec) configure(r *schema.Resource) *Kind {
	// The words are ours: its own are about Terraform.
	config.ManipulateEveryField(r, func(f *schema.Schema) { f.Description = "" })
	config.MoveToStatus(r, s.observed...)

	c := config.DefaultResource(s.terraform, s.guard.wrap(r), nil, &registry.Resource{Description: s.description, ArgumentDocs: s.docs})
	c.ShortGroup, c.Kind, c.Version = s.group, s.kind, version
	c.UseAsync = false
	c.ExternalName = s.naming.config()
	c.References = s.references
	c.MarkAsRequired(s.required...)

	// What is on the server is not what is wanted: a group that somebody disabled
	// by hand is to be enabled again.
	for field := range r.Schema {
		c.LateInitializer.IgnoredFields = append(c.LateInitializer.IgnoredFields, field)
	}

	for _, path := range s.objects {
		c.AddSingletonListConversion(path, name.NewFromSnake(path).LowerCamelComputed)
	}

	if len(s.objects) > 0 {
		c.TerraformConversions = append(c.TerraformConversions, config.NewTFSingletonConversion())
	}

	return &Kind{Resource: c, naming: s.naming}
}
