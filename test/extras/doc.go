// Package extras tests provider-minio-extras alone, on the test environment of package
// direct: a real API server, real MinIO servers, a real LDAP server, and a wire
// that counts calls and stops them.
package extras
