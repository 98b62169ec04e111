// Package extras contains the managed resources of provider-minio-extras, which are
// generated from a Terraform provider. The table in provider/upjet/kinds.go lists them.
package extras
