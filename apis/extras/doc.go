// Package extras holds the managed resources of the long tail of MinIO's features.
// Package upjet of the provider says of what.
package extras
