// Package extras tests provider-minio-extras alone, in the environment of package
// component and with an LDAP server. It proves that each kind of the long tail is
// created, polled with one call, repaired, changed, adopted and deleted on a real MinIO,
// whether the server is available or not, and that the guards correct what the
// Terraform provider does wrong.
package extras
