// Package function embeds the API of the function's input of the Function package,
// for programs that need its schema.
package function

import _ "embed" // For Inputs.

// Inputs is the CustomResourceDefinition of the input, as YAML.
//
//go:embed crds/input.cistern.dev_inputs.yaml
var Inputs string
