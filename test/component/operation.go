package component

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cistern-dev/cistern/provider/minio"
)

// Server is a server that the provider calls.
type Server string

// The servers that the provider calls.
const (
	MinIO      Server = "minio"
	Kubernetes Server = "kubernetes"
)

// A Call is a request that a server has answered.
type Call struct {
	Server Server

	// Operation names the call without the object's name. On MinIO's administration
	// API it is a part of the path, such as add-user; on S3 it is the method with the
	// type of the object: PUT bucket, GET bucket?versioning, HEAD object. On Kubernetes
	// it is the method with the resource: PUT users/status.
	Operation string

	// Name is the operation as the provider's metrics name it, of calls of MinIO.
	Name string

	// Namespace is that of the object on Kubernetes, and on MinIO the one that the
	// endpoint serves, see Env.serveStorage. It may be empty.
	Namespace string

	// Object is the object's name: a bucket, user or policy on MinIO; namespace/name
	// on Kubernetes. It may be empty.
	Object string

	// Write reports whether the HTTP method is one that changes something.
	Write bool

	// Encrypted reports whether the request or the response is encrypted with a key
	// from a slow KDF, which makes the call a hundred times as expensive.
	Encrypted bool

	// Status is the HTTP status of the response.
	Status int
}

// encrypted are the administration calls whose request or response is encrypted.
// Source: github.com/minio/madmin-go/v3, the callers of EncryptData and DecryptData.
var encrypted = []string{
	"add-user", "list-users",
	"add-service-account", "update-service-account", "list-service-accounts", "info-service-account",
	"list-access-keys-bulk", "info-access-key", "temporary-account-info",
	"attach", "detach", "policy-entities",
	"get-config", "config", "get-config-kv", "set-config-kv", "del-config-kv",
	"set-remote-target", "tier",
}

// subresources are the query parameters of S3 that select another operation.
var subresources = []string{
	"acl", "cors", "delete", "encryption", "legal-hold", "lifecycle", "list-type", "location", "notification",
	"object-lock", "policy", "policyStatus", "replication", "retention", "tagging", "uploadId", "uploads", "versioning",
	"versions",
}

// minioCall names a call of MinIO.
func minioCall(method string, u *url.URL) Call {
	c := Call{Server: MinIO, Name: minio.Operation(method, u), Write: method != http.MethodGet && method != http.MethodHead}

	if admin, ok := strings.CutPrefix(u.Path, "/minio/"); ok {
		c.Operation = adminOperation(admin)
		c.Object = cmp.Or(u.Query().Get("bucket"), u.Query().Get("accessKey"), u.Query().Get("name"), u.Query().Get("userOrGroup"))
		c.Encrypted = slices.Contains(encrypted, c.Operation)

		return c
	}

	bucket, object, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	c.Object = bucket

	switch {
	case object != "":
		c.Operation = method + " object"
	case bucket != "":
		c.Operation = method + " bucket"
	default:
		c.Operation = method + " buckets"
	}

	for _, s := range subresources {
		if u.Query().Has(s) {
			c.Operation += "?" + s
			break
		}
	}

	return c
}

// adminOperation returns the operation in a path such as admin/v3/add-user. In paths
// below idp it comes last, after the identity provider.
func adminOperation(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) < 3 {
		return path
	}

	if parts[2] == "idp" {
		return parts[len(parts)-1]
	}

	return parts[2]
}

// kubernetesCall names a call of Kubernetes.
func kubernetesCall(method string, u *url.URL) Call {
	c := Call{Server: Kubernetes, Write: method != http.MethodGet && method != http.MethodHead}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")

	// /api/v1/… or /apis/group/version/…
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		parts = parts[3:]
	default:
		c.Operation = method + " " + u.Path

		return c
	}

	namespace := ""
	if parts[0] == "namespaces" && len(parts) > 2 {
		c.Namespace = parts[1]
		namespace, parts = parts[1]+"/", parts[2:]
	}

	c.Operation = method + " " + parts[0]
	if u.Query().Get("watch") == "true" {
		c.Operation = "WATCH " + parts[0]
	}

	if len(parts) > 1 {
		c.Object = namespace + parts[1]
	}

	if len(parts) > 2 {
		c.Operation += "/" + strings.Join(parts[2:], "/")
	}

	return c
}
