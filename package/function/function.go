// Package function holds the API of the function's input as the Function
// package ships it, for programs that need its schema.
package function

import _ "embed" // For Inputs.

// Inputs is the CustomResourceDefinition of the input, as YAML.
//
//go:embed crds/input.cistern.dev_inputs.yaml
var Inputs string
