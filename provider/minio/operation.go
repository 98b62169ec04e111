package minio

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Outcomes of a call, as the metrics show them.
const (
	// OutcomeOK is an answer below 400.
	OutcomeOK = "ok"
	// OutcomeRefused is an answer of 4xx, also one that something does not exist.
	OutcomeRefused = "refused"
	// OutcomeFailed is an answer of 5xx.
	OutcomeFailed = "failed"
	// OutcomeError is no answer, or an incomplete one.
	OutcomeError = "error"
)

// Call describes a call to a server after its end.
type Call struct {
	// Operation is the operation of the administration API, such as admin:add-user, or of
	// the S3 API, such as s3:GetBucketVersioning. It has few values, and never holds the
	// name of a bucket, user or object.
	Operation string
	// Outcome is one of the Outcome constants.
	Outcome string
	// Duration is the time from sending the request to the end of the answer.
	Duration time.Duration
}

// Observer is called after each call, also concurrently.
type Observer func(Call)

func outcome(status int) string {
	switch {
	case status >= http.StatusInternalServerError:
		return OutcomeFailed
	case status >= http.StatusBadRequest:
		return OutcomeRefused
	}

	return OutcomeOK
}

// Operations are those that the controllers of buckets, users and policies make, sorted. The
// component tests let each of them fail in every way.
var Operations = []string{
	"admin:accountinfo", "admin:add-canned-policy", "admin:add-service-account", "admin:add-user",
	"admin:delete-service-account", "admin:export-bucket-metadata", "admin:idp", "admin:info",
	"admin:info-canned-policy", "admin:list-service-accounts", "admin:remove-canned-policy", "admin:remove-user", "admin:revoke-tokens",
	"admin:set-bucket-quota", "admin:set-user-or-group-policy", "admin:set-user-status",
	"admin:update-service-account", "admin:user-info",
	"s3:AbortMultipartUpload", "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketEncryption",
	"s3:DeleteBucketLifecycleConfiguration", "s3:DeleteBucketPolicy", "s3:DeleteBucketTagging", "s3:DeleteObject",
	"s3:DeleteObjects", "s3:GetBucketLocation", "s3:GetObjectRetention", "s3:ListMultipartUploads",
	"s3:ListObjectVersions", "s3:PutBucketEncryption", "s3:PutBucketLifecycleConfiguration", "s3:PutBucketPolicy",
	"s3:PutBucketTagging", "s3:PutBucketVersioning", "s3:PutObjectLockConfiguration",
}

// adminPath is the path of the administration API. No bucket can have this name.
const adminPath = "/minio/admin/"

// Operation returns the operation of a request with a method and URL, as in Call. S3 calls that
// no controller makes have no name: they are s3:other.
func Operation(method string, u *url.URL) string {
	if rest, ok := strings.CutPrefix(u.Path, adminPath); ok {
		// v3/add-user, v3/idp-config/openid/name.
		if parts := strings.Split(rest, "/"); len(parts) > 1 {
			return "admin:" + parts[1]
		}

		return "admin:other"
	}

	bucket, object, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")

	name := objectOperation(method, u.Query())
	if object == "" {
		name = bucketOperation(method, bucket, u.Query())
	}

	if name == "" {
		name = "other"
	}

	return "s3:" + name
}

// subresources are parts of a bucket whose operations are named after the verb.
var subresources = map[string]string{
	"cors": "BucketCors", "encryption": "BucketEncryption", "lifecycle": "BucketLifecycleConfiguration",
	"location": "BucketLocation", "notification": "BucketNotificationConfiguration", "object-lock": "ObjectLockConfiguration",
	"policy": "BucketPolicy", "replication": "BucketReplication", "tagging": "BucketTagging", "versioning": "BucketVersioning",
}

var verbs = map[string]string{http.MethodGet: "Get", http.MethodPut: "Put", http.MethodDelete: "Delete"}

func bucketOperation(method, bucket string, query url.Values) string {
	if bucket == "" {
		return map[string]string{http.MethodGet: "ListBuckets"}[method]
	}

	for q := range query {
		if subresource, verb := subresources[q], verbs[method]; subresource != "" && verb != "" {
			return verb + subresource
		}
	}

	switch {
	case method == http.MethodPost && query.Has("delete"):
		return "DeleteObjects"
	case method == http.MethodGet && query.Has("versions"):
		return "ListObjectVersions"
	case method == http.MethodGet && query.Has("uploads"):
		return "ListMultipartUploads"
	case method == http.MethodGet && query.Has("list-type"):
		return "ListObjectsV2"
	}

	return map[string]string{
		http.MethodGet: "ListObjects", http.MethodPut: "CreateBucket", http.MethodDelete: "DeleteBucket", http.MethodHead: "HeadBucket",
	}[method]
}

func objectOperation(method string, query url.Values) string {
	switch {
	case method == http.MethodDelete && query.Has("uploadId"):
		return "AbortMultipartUpload"
	case method == http.MethodDelete:
		// minio-go deletes objects in batches, except those whose key XML cannot hold.
		return "DeleteObject"
	case method == http.MethodGet && query.Has("retention"):
		return "GetObjectRetention"
	}

	return ""
}
