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
		"Admin":           {reason: "The API's own name.", method: "PUT", path: "/minio/admin/v3/add-user?accessKey=x", want: "admin:add-user"},
		"AdminNested":     {reason: "Names that follow are left out.", method: "PUT", path: "/minio/admin/v3/idp-config/openid/somebody", want: "admin:idp-config"},
		"AdminStrange":    {reason: "No operation.", method: "GET", path: "/minio/admin/v3", want: "admin:other"},
		"Buckets":         {reason: "The list of buckets.", method: "GET", path: "/", want: "s3:ListBuckets"},
		"Versioning":      {reason: "An aspect that is read.", method: "GET", path: "/photos/?versioning=", want: "s3:GetBucketVersioning"},
		"PutTagging":      {reason: "An aspect that is written.", method: "PUT", path: "/photos/?tagging=", want: "s3:PutBucketTagging"},
		"DeletePolicy":    {reason: "An aspect that is deleted.", method: "DELETE", path: "/photos/?policy=", want: "s3:DeleteBucketPolicy"},
		"ObjectLock":      {reason: "Not named after the bucket.", method: "GET", path: "/photos/?object-lock=", want: "s3:GetObjectLockConfiguration"},
		"MakeBucket":      {reason: "The bucket itself.", method: "PUT", path: "/photos/", want: "s3:CreateBucket"},
		"HeadBucket":      {reason: "The bucket itself.", method: "HEAD", path: "/photos/", want: "s3:HeadBucket"},
		"RemoveBucket":    {reason: "The bucket itself.", method: "DELETE", path: "/photos/", want: "s3:DeleteBucket"},
		"ListV2":          {reason: "A list.", method: "GET", path: "/photos/?list-type=2&prefix=versioning", want: "s3:ListObjectsV2"},
		"ListVersions":    {reason: "A list.", method: "GET", path: "/photos/?versions=&prefix=", want: "s3:ListObjectVersions"},
		"ListUploads":     {reason: "A list.", method: "GET", path: "/photos/?uploads=", want: "s3:ListMultipartUploads"},
		"DeleteObjects":   {reason: "Many at once.", method: "POST", path: "/photos/?delete=", want: "s3:DeleteObjects"},
		"Put":             {reason: "Objects' names are left out.", method: "PUT", path: "/photos/a/b/c", want: "s3:PutObject"},
		"ObjectTagging":   {reason: "An aspect of an object.", method: "GET", path: "/photos/a?tagging=", want: "s3:GetObjectTagging"},
		"AbortUpload":     {reason: "An upload.", method: "DELETE", path: "/photos/a?uploadId=1", want: "s3:AbortMultipartUpload"},
		"Strange":         {reason: "Nothing that has a name.", method: "PATCH", path: "/photos/a", want: "s3:other"},
		"StrangeSubquery": {reason: "A method that an aspect does not have.", method: "POST", path: "/photos/?versioning=", want: "s3:other"},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := operation(httptest.NewRequestWithContext(t.Context(), tc.method, "https://minio.example.org"+tc.path, nil))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\noperation(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// FuzzOperation wants few names, whatever buckets and objects are called: they
// become labels of metrics.
func FuzzOperation(f *testing.F) {
	f.Add("GET", "photos", "a/b")
	f.Add("PUT", "minio", "admin/v3/add-user")
	f.Add("DELETE", "photos", "")

	f.Fuzz(func(t *testing.T, method, bucket, object string) {
		const secret = "do-not-show-me"

		req := &http.Request{Method: method, URL: httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil).URL}
		req.URL.Path = "/" + bucket + secret + "/" + object + secret

		if got := operation(req); strings.Contains(got, secret) {
			t.Errorf("operation(...): %q names what it is about", got)
		}
	})
}
