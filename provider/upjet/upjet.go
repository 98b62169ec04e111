// Package upjet provides managed resources for the long tail of MinIO's features. The
// Terraform provider for MinIO drives them, upjet turns its resources into kinds and
// clients, and guards correct the Terraform provider's defects.
package upjet

import (
	"github.com/aminueza/terraform-provider-minio/v2/minio"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	"github.com/crossplane/upjet/v2/pkg/config"
	"github.com/crossplane/upjet/v2/pkg/registry"
	"github.com/crossplane/upjet/v2/pkg/types/name"
)

const (
	// rootGroup is the suffix of the API groups of all kinds.
	rootGroup = "minio.cistern.dev"
	// modulePath is the path of this Go module.
	modulePath = "github.com/cistern-dev/cistern"
	// version is the API version of all kinds.
	version = "v1alpha1"
)

func init() { //nolint:gochecknoinits // Names of fields, as Kubernetes spells them.
	name.AddAcronym("dn", "DN")
}

// Config configures one kind of managed resource: upjet's configuration, and how its
// external resources are named.
type Config struct {
	*config.Resource

	naming naming
}

// Configs returns the configuration of each kind, for upjet's generators as for the
// controllers.
func Configs() []*Config {
	resources := minio.Provider().ResourcesMap

	configs := make([]*Config, 0, len(specs))
	for _, s := range specs {
		configs = append(configs, s.configure(resources[s.terraform]))
	}

	return configs
}

// Provider returns the provider configuration that upjet's generators take.
func Provider() *config.Provider {
	p := &config.Provider{
		ModulePath:              modulePath,
		RootGroup:               rootGroup,
		ShortName:               "minio",
		TerraformResourcePrefix: "minio_",
		Resources:               make(map[string]*config.Resource),
	}

	for _, c := range Configs() {
		p.Resources[c.Name] = c.Resource
	}

	return p
}

// spec describes how a resource of the Terraform provider becomes a kind. Fields are
// named by their Terraform paths.
type spec struct {
	// terraform is the name of the Terraform resource.
	terraform string
	// group is the first label of the kind's API group.
	group, kind string
	// description documents the kind, docs its fields.
	description string
	docs        map[string]string
	naming      naming
	references  config.References
	// required fields are required by the kind, though not by the Terraform schema.
	required []string
	// observed fields are moved to the status, because setting them does harm.
	observed []string
	// objects are lists of one element that become objects.
	objects []string
	guard   guard
}

// configure returns the configuration of the kind that a Terraform resource becomes.
func (s spec) configure(r *schema.Resource) *Config {
	// The Terraform provider's descriptions speak of Terraform: docs replaces them.
	config.ManipulateEveryField(r, func(f *schema.Schema) { f.Description = "" })
	config.MoveToStatus(r, s.observed...)

	c := config.DefaultResource(s.terraform, s.guard.wrap(r), nil, &registry.Resource{Description: s.description, ArgumentDocs: s.docs})
	c.ShortGroup, c.Kind, c.Version = s.group, s.kind, version
	c.UseAsync = false
	c.ExternalName = s.naming.config()
	c.References = s.references
	c.MarkAsRequired(s.required...)

	// Values on the server are never copied into the spec: a group that was disabled
	// by hand must be enabled again.
	for field := range r.Schema {
		c.LateInitializer.IgnoredFields = append(c.LateInitializer.IgnoredFields, field)
	}

	for _, path := range s.objects {
		c.AddSingletonListConversion(path, name.NewFromSnake(path).LowerCamelComputed)
	}

	if len(s.objects) > 0 {
		c.TerraformConversions = append(c.TerraformConversions, config.NewTFSingletonConversion())
	}

	return &Config{Resource: c, naming: s.naming}
}
