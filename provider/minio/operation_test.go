package minio

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOperation(t *testing.T) {
	cases := map[string]struct {
		reason string
		method string
		path   string
		want   string
	}{
		"Admin": {
			reason: "The administration API names its operations in the path.",
			method: "PUT",
			path:   "/minio/admin/v3/add-user?accessKey=x",
			want:   "admin:add-user",
		},
		"AdminNested": {
			reason: "A name that follows is left out.",
			method: "PUT",
			path:   "/minio/admin/v3/idp-config/openid/example",
			want:   "admin:idp-config",
		},
		"AdminStrange": {reason: "A path without an operation.", method: "GET", path: "/minio/admin/v3", want: "admin:other"},
		"Buckets":      {reason: "The list of buckets.", method: "GET", path: "/", want: "s3:ListBuckets"},
		"Versioning":   {reason: "A subresource is read.", method: "GET", path: "/photos/?versioning=", want: "s3:GetBucketVersioning"},
		"PutTagging":   {reason: "A subresource is written.", method: "PUT", path: "/photos/?tagging=", want: "s3:PutBucketTagging"},
		"DeletePolicy": {reason: "A subresource is deleted.", method: "DELETE", path: "/photos/?policy=", want: "s3:DeleteBucketPolicy"},
		"ObjectLock": {
			reason: "A name without the word bucket.",
			method: "GET",
			path:   "/photos/?object-lock=",
			want:   "s3:GetObjectLockConfiguration",
		},
		"MakeBucket":    {reason: "The bucket itself.", method: "PUT", path: "/photos/", want: "s3:CreateBucket"},
		"HeadBucket":    {reason: "The bucket itself.", method: "HEAD", path: "/photos/", want: "s3:HeadBucket"},
		"RemoveBucket":  {reason: "The bucket itself.", method: "DELETE", path: "/photos/", want: "s3:DeleteBucket"},
		"ListV2":        {reason: "A list.", method: "GET", path: "/photos/?list-type=2&prefix=versioning", want: "s3:ListObjectsV2"},
		"ListVersions":  {reason: "A list.", method: "GET", path: "/photos/?versions=&prefix=", want: "s3:ListObjectVersions"},
		"ListUploads":   {reason: "A list.", method: "GET", path: "/photos/?uploads=", want: "s3:ListMultipartUploads"},
		"DeleteObjects": {reason: "Objects are deleted in batches.", method: "POST", path: "/photos/?delete=", want: "s3:DeleteObjects"},
		"PutObject":     {reason: "No controller writes objects.", method: "PUT", path: "/photos/a/b/c", want: "s3:other"},
		"ObjectRetention": {
			reason: "A subresource of an object is read.",
			method: "GET",
			path:   "/photos/a?retention=",
			want:   "s3:GetObjectRetention",
		},
		"DeleteObject": {
			reason: "An object is deleted alone.",
			method: "DELETE",
			path:   "/photos/a?versionId=1",
			want:   "s3:DeleteObject",
		},
		"AbortUpload": {
			reason: "An upload is aborted.",
			method: "DELETE",
			path:   "/photos/a?uploadId=1",
			want:   "s3:AbortMultipartUpload",
		},
		"Strange": {reason: "A method without a name.", method: "PATCH", path: "/photos/a", want: "s3:other"},
		"StrangeSubquery": {
			reason: "A method that a subresource does not have.",
			method: "POST",
			path:   "/photos/?versioning=",
			want:   "s3:other",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequestWithContext(t.Context(), tc.method, "https://minio.example.org"+tc.path, nil)
			got := Operation(req.Method, req.URL)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nOperation(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// FuzzOperation expects no name of a bucket or object in an operation: operations are labels of
// metrics.
func FuzzOperation(f *testing.F) {
	f.Add("GET", "photos", "a/b")
	f.Add("PUT", "minio", "admin/v3/add-user")
	f.Add("DELETE", "photos", "")

	f.Fuzz(func(t *testing.T, method, bucket, object string) {
		const secret = "do-not-show-me"

		req := &http.Request{Method: method, URL: httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil).URL}
		req.URL.Path = "/" + bucket + secret + "/" + object + secret

		if got := Operation(method, req.URL); strings.Contains(got, secret) {
			t.Errorf("Operation(...): %q holds the name of a bucket or object", got)
		}
	})
}
