// Package configuration holds the tenants' API as the Configuration package
// ships it, for programs that need its schema.
package configuration

import _ "embed" // For Definition.

// Definition is the CompositeResourceDefinition, as YAML.
//
//go:embed definition.yaml
var Definition string
