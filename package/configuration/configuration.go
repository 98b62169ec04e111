// Package configuration embeds the tenants' API of the Configuration package, for
// programs that need its schema.
package configuration

import _ "embed" // For Definition.

// Definition is the CompositeResourceDefinition, as YAML.
//
//go:embed definition.yaml
var Definition string
