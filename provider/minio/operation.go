package minio

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Outcomes of a call.
const (
	// OutcomeOK is an answer below 400.
	OutcomeOK = "ok"
	// OutcomeRefused is an answer of 4xx; that something does not exist is one.
	OutcomeRefused = "refused"
	// OutcomeFailed is an answer of 5xx.
	OutcomeFailed = "failed"
	// OutcomeError is no answer, or half of one.
	OutcomeError = "error"
)

// Call is a call to a server that is over.
type Call struct {
	// Operation is what was asked for: admin:add-user and the like of the
	// administration API, s3:GetBucketVersioning and the like of the S3 API. It
	// never holds a name of a bucket, user or object; there are few of them.
	Operation string
	// Outcome is one of the Outcome constants.
	Outcome string
	// Duration from sending the request to the end of the answer.
	Duration time.Duration
}

// Observer is told of each call when it is over. It is called by many at once.
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

// adminPath is where the administration API lives. No bucket can be called so.
const adminPath = "/minio/admin/"

// operation names what a request asks for.
func operation(req *http.Request) string {
	if rest, ok := strings.CutPrefix(req.URL.Path, adminPath); ok {
		// v3/add-user, v3/idp-config/openid/name.
		if parts := strings.Split(rest, "/"); len(parts) > 1 {
			return "admin:" + parts[1]
		}

		return "admin:other"
	}

	bucket, object, _ := strings.Cut(strings.Trim(req.URL.Path, "/"), "/")

	name := objectOperation(req.Method, req.URL.Query())
	if object == "" {
		name = bucketOperation(req.Method, bucket, req.URL.Query())
	}

	if name == "" {
		name = "other"
	}

	return "s3:" + name
}

// aspects are the subresources of a bucket that are read, written and deleted
// alike.
var aspects = map[string]string{
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
		if aspect, verb := aspects[q], verbs[method]; aspect != "" && verb != "" {
			return verb + aspect
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
	verb := verbs[method]

	switch {
	case query.Has("uploadId"):
		return map[string]string{
			http.MethodPut: "UploadPart", http.MethodDelete: "AbortMultipartUpload", http.MethodPost: "CompleteMultipartUpload", http.MethodGet: "ListParts",
		}[method]
	case query.Has("uploads") && method == http.MethodPost:
		return "CreateMultipartUpload"
	case query.Has("tagging") && verb != "":
		return verb + "ObjectTagging"
	case query.Has("retention") && verb != "":
		return verb + "ObjectRetention"
	case query.Has("legal-hold") && verb != "":
		return verb + "ObjectLegalHold"
	}

	return map[string]string{
		http.MethodGet: "GetObject", http.MethodPut: "PutObject", http.MethodDelete: "DeleteObject", http.MethodHead: "HeadObject",
	}[method]
}
