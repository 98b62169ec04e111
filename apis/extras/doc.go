// Package extras holds the managed resources of the long tail of MinIO's features.
// All of it but this file is generated, see provider/upjet.
package extras
