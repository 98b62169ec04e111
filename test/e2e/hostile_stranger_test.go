//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/md5" // S3 wants it.
	"encoding/base64"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// A request is what a stranger sends to the server's public endpoint.
type request struct {
	method, target string
	header         map[string]string
	body           string
}

// send sends a request, and returns the status and the body of the answer. It tries again if the
// server ends the connection, which it does when it denies a body that it has not read.
func (r request) send(t testing.TB) (status int, body string) {
	t.Helper()
	await.For(t, "an answer", func() (err error) {
		status, body, err = r.try(t)

		return err
	})

	return status, body
}

func (r request) try(t testing.TB) (status int, body string, err error) {
	t.Helper()

	transport, err := api.Transport(plat)
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()

	req, err := http.NewRequestWithContext(context.Background(), r.method, r.target, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}

	// Of a body in chunks it would be the sum of what they hold.
	if r.header["Content-Encoding"] == "" {
		sum := md5.Sum([]byte(r.body)) // S3 wants it.
		req.Header.Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	}

	for k, v := range r.header {
		req.Header.Set(k, v)
	}

	rsp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer rsp.Body.Close()

	b, err := io.ReadAll(rsp.Body)

	return rsp.StatusCode, string(b), err
}

// form returns an upload by HTML form without a signature.
func form(t *testing.T, bucket string) request {
	t.Helper()

	var body bytes.Buffer

	w := multipart.NewWriter(&body)
	if err := w.WriteField("key", "pwned"); err != nil {
		t.Fatal(err)
	}

	f, err := w.CreateFormFile("file", "pwned")
	if err != nil {
		t.Fatal(err)
	}

	if _, err := f.Write([]byte("text")); err != nil {
		t.Fatal(err)
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return request{
		method: http.MethodPost, target: platform.MinIOInsideURL + "/" + bucket,
		header: map[string]string{"Content-Type": w.FormDataContentType()}, body: body.String(),
	}
}

// TestStrangerWithNothing sends requests without any key to another's bucket. It checks that each is
// denied.
func TestStrangerWithNothing(t *testing.T) {
	t.Parallel()

	bucket := newVictim(t).Spec.BucketName
	at := platform.MinIOInsideURL + "/" + bucket

	requests := map[string]request{
		"Read":         {method: http.MethodGet, target: at + "/precious"},
		"ReadMissing":  {method: http.MethodGet, target: at + "/missing"},
		"ReadVersion":  {method: http.MethodGet, target: at + "/precious?versionId=null"},
		"Write":        {method: http.MethodPut, target: at + "/pwned", body: "text"},
		"Overwrite":    {method: http.MethodPut, target: at + "/precious", body: "text"},
		"Copy":         {method: http.MethodPut, target: at + "/pwned", header: map[string]string{"X-Amz-Copy-Source": bucket + "/precious"}},
		"Delete":       {method: http.MethodDelete, target: at + "/precious"},
		"DeleteMany":   {method: http.MethodPost, target: at + "?delete", body: "<Delete><Object><Key>precious</Key></Object></Delete>"},
		"List":         {method: http.MethodGet, target: at + "?list-type=2"},
		"ListVersions": {method: http.MethodGet, target: at + "?versions"},
		"ListBuckets":  {method: http.MethodGet, target: platform.MinIOInsideURL + "/"},
		"Upload":       {method: http.MethodPost, target: at + "/pwned?uploads"},
		"Retention": {
			method: http.MethodPut, target: at + "/precious?retention", body: "<Retention/>",
			header: map[string]string{"X-Amz-Bypass-Governance-Retention": "true"},
		},
		"Policy":       {method: http.MethodGet, target: at + "?policy"},
		"SetPolicy":    {method: http.MethodPut, target: at + "?policy", body: `{"Version":"2012-10-17","Statement":[]}`},
		"RemoveBucket": {method: http.MethodDelete, target: at},
		"Form":         form(t, bucket),
		"AdminAPI":     {method: http.MethodGet, target: platform.MinIOInsideURL + "/minio/admin/v3/info"},
		"Metrics":      {method: http.MethodGet, target: platform.MinIOInsideURL + "/minio/v2/metrics/cluster"},
		"STS": {
			method: http.MethodPost, target: platform.MinIOInsideURL + "/", body: "Action=AssumeRole&Version=2011-06-15",
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
		},
		"Archive": {
			method: http.MethodPut, target: at + "/pwned.tar", body: "text",
			header: map[string]string{"X-Amz-Meta-Snowball-Auto-Extract": "true"},
		},
		"UnknownKey": forgedUpload(bucket, "CSTNUNKNOWNUNKNOWN00"),
	}

	for name, r := range requests {
		t.Run(name, func(t *testing.T) {
			// The answer to a deletion of several objects says for each that it is denied.
			if status, body := r.send(t); status < http.StatusBadRequest && !strings.Contains(body, "<Code>AccessDenied</Code>") {
				t.Errorf("want the request to be denied, got %d %s", status, body)
			}
		})
	}

	// One of the objects was there before.
	wantKeys(t, bucket, "photo", "precious")
}

// wantKeys checks which objects a bucket holds.
func wantKeys(t *testing.T, bucket string, want ...string) {
	t.Helper()

	keys, err := list(t.Context(), admin.S3, bucket)
	if err != nil || strings.Join(keys, ",") != strings.Join(want, ",") {
		t.Errorf("want bucket %s to hold %q, got %q, %v", bucket, want, keys, err)
	}
}

// forgedUpload returns an upload with nothing but the ID of an access key (CVE-2026-41145).
func forgedUpload(bucket, accessKeyID string) request {
	now := time.Now().UTC()
	query := url.Values{
		"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Date": {now.Format("20060102T150405Z")}, "X-Amz-Expires": {"600"},
		"X-Amz-Credential":    {accessKeyID + "/" + now.Format("20060102") + "/us-east-1/s3/aws4_request"},
		"X-Amz-SignedHeaders": {"host"}, "X-Amz-Signature": {"deadbeef"},
	}

	return request{
		method: http.MethodPut, target: platform.MinIOInsideURL + "/" + bucket + "/pwned?" + query.Encode(),
		header: map[string]string{
			"X-Amz-Date": now.Format("20060102T150405Z"), "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
			"X-Amz-Decoded-Content-Length": "5", "Content-Encoding": "aws-chunked", "X-Amz-Trailer": "x-amz-checksum-crc32",
		},
		body: "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
	}
}

// TestStrangerWithPresignedURL has a presigned URL and changes it. It checks that the URL opens one
// object for one kind of call, until it expires, and that it ends with the key.
func TestStrangerWithPresignedURL(t *testing.T) {
	t.Parallel()

	newVictim(t)

	f := newTenant(t)
	f.claim(t, "shared", "{rotation: {overlap: 0s}}")
	info := waitReady(t, f.ns, "shared")
	s3, bucket := tenantClient(t, info), info.Spec.BucketName

	for _, key := range []string{"precious", "other"} {
		if err := put(t.Context(), s3, bucket, key); err != nil {
			t.Fatal(err)
		}

		t.Cleanup(func() { _ = remove(context.Background(), admin.S3, bucket, key) })
	}

	get := func(within time.Duration) string {
		u, err := s3.PresignedGetObject(t.Context(), bucket, "precious", within, nil)
		if err != nil {
			t.Fatal(err)
		}

		return u.String()
	}

	signed := get(time.Hour)
	if status, body := (request{method: http.MethodGet, target: signed}).send(t); status != http.StatusOK || body != "some text" {
		t.Errorf("want the URL to work, got %d %s", status, body)
	}

	replace := func(old, with string) string {
		changed := strings.Replace(signed, old, with, 1)
		if changed == signed {
			t.Fatalf("%q is not in the URL", old)
		}

		return changed
	}

	for name, r := range map[string]request{
		"OtherObject":  {method: http.MethodGet, target: replace("/precious", "/other")},
		"OtherPath":    {method: http.MethodGet, target: replace("/precious", "/x/../other")},
		"Bucket":       {method: http.MethodGet, target: replace("/precious", "")},
		"Write":        {method: http.MethodPut, target: signed, body: "text"},
		"Delete":       {method: http.MethodDelete, target: signed},
		"Head":         {method: http.MethodHead, target: signed},
		"LongerExpiry": {method: http.MethodGet, target: replace("X-Amz-Expires=3600", "X-Amz-Expires=7200")},
		"Version":      {method: http.MethodGet, target: signed + "&versionId=null"},
		"Headers":      {method: http.MethodGet, target: signed + "&response-content-type=text%2Fhtml"},
		"FewerHeaders": {method: http.MethodGet, target: replace("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=")},
		"Retention":    {method: http.MethodGet, target: signed + "&retention"},
		"NoSignature":  {method: http.MethodGet, target: replace("X-Amz-Signature=", "X-Amz-Signatures=")},
		"OtherRegion":  {method: http.MethodGet, target: replace("us-east-1", "us-east-2")},
		"AsTheAdmin":   {method: http.MethodGet, target: replace(info.Spec.SecretS3.AccessKeyID, "admin")},
	} {
		t.Run(name, func(t *testing.T) {
			if status, body := r.send(t); status < http.StatusBadRequest {
				t.Errorf("want an error, got %d %s", status, body)
			}
		})
	}

	wantKeys(t, bucket, "other", "precious")
	wantObjectIntact(t, bucket)

	short := get(time.Second)
	await.For(t, "the URL to expire", func() error {
		if status, body := (request{method: http.MethodGet, target: short}).send(t); status != http.StatusForbidden {
			return fmt.Errorf("%d %s", status, body)
		}

		return nil
	})

	rotate(t, f.ns, "shared", "now", "0s", info)
	await.For(t, "the URL to end with its key", func() error {
		if status, body := (request{method: http.MethodGet, target: signed}).send(t); status != http.StatusForbidden {
			return fmt.Errorf("%d %s", status, body)
		}

		return nil
	})
}

// TestStrangerWithKeyID pins what the ID of an access key is worth on a server with CVE-2026-41145
// where the pool does not deny unsigned uploads: a stranger writes to the bucket. See docs/security.md.
// It checks that who may read claims, but no Secrets, does not learn the ID.
func TestStrangerWithKeyID(t *testing.T) {
	t.Parallel()

	newVictim(t)

	f := newTenant(t)
	f.claim(t, "known", "{users: {reader: {readonly: true}}}")
	info := waitReady(t, f.ns, "known")
	bucket, id := info.Spec.BucketName, info.Spec.SecretS3.AccessKeyID

	for _, args := range [][]string{
		{"get", "buckets.apps.cozystack.io", "--output=yaml"}, {"get", "buckets.apps.cozystack.io", "--output=wide"},
		{"describe", "buckets.apps.cozystack.io"}, {"get", "events", "--output=yaml"},
	} {
		if out := f.kubectl(t, "", args...); strings.Contains(out, id) {
			t.Errorf("want %q not to show the ID of an access key", args)
		}
	}

	reader := getBucketInfo(t, f.ns, "known", "reader").Spec.SecretS3.AccessKeyID
	if status, body := forgedUpload(bucket, reader).send(t); status != http.StatusForbidden {
		t.Errorf("want the ID of a reader to write nothing, got %d %s", status, body)
	}

	if status, body := forgedUpload(bucket, id).send(t); status != http.StatusOK {
		t.Errorf("the server verifies uploads with a key's ID alone, got %d %s: correct docs/security.md", status, body)
	}

	if err := admin.S3.RemoveObject(t.Context(), bucket, "pwned", miniogo.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}
