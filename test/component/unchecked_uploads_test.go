//go:build e2e

package component

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// form uploads an object as a web page does, with a signed policy. The query is that of the
// URL.
func form(ctx context.Context, c miniov1alpha1.Connection, bucket, object, query string, content []byte, header http.Header) (response, error) {
	s3, err := env.Server.Client(c.AccessKeyID, c.SecretAccessKey)
	if err != nil {
		return response{}, err
	}

	p := miniogo.NewPostPolicy()
	for _, err := range []error{p.SetBucket(bucket), p.SetKey(object), p.SetExpires(time.Now().Add(time.Minute))} {
		if err != nil {
			return response{}, fmt.Errorf("cannot make a policy: %w", err)
		}
	}

	u, fields, err := s3.PresignedPostPolicy(ctx, p)
	if err != nil {
		return response{}, fmt.Errorf("cannot sign a policy: %w", err)
	}

	var body bytes.Buffer

	w := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			return response{}, fmt.Errorf("cannot write the form: %w", err)
		}
	}

	file, err := w.CreateFormFile("file", object)
	if err == nil {
		_, err = file.Write(content)
	}

	if err != nil {
		return response{}, fmt.Errorf("cannot write the form: %w", err)
	}

	if err := w.Close(); err != nil {
		return response{}, fmt.Errorf("cannot write the form: %w", err)
	}

	u.RawQuery = query

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), &body)
	if err != nil {
		return response{}, fmt.Errorf("cannot make a request: %w", err)
	}

	if req.Header = header.Clone(); req.Header == nil {
		req.Header = http.Header{}
	}

	req.Header.Set("Content-Type", w.FormDataContentType())

	return do(req)
}

// archiveOf returns an archive of one object, as a version of it.
func archiveOf(object, versionID string, content []byte) ([]byte, error) {
	var archive bytes.Buffer

	w := tar.NewWriter(&archive)

	err := w.WriteHeader(&tar.Header{
		Name: object, Mode: 0o600, Size: int64(len(content)), Format: tar.FormatPAX, ModTime: time.Now().Truncate(time.Second),
		PAXRecords: map[string]string{"minio.versionId": versionID},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot write an archive: %w", err)
	}

	if _, err := w.Write(content); err != nil {
		return nil, fmt.Errorf("cannot write an archive: %w", err)
	}

	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("cannot write an archive: %w", err)
	}

	return archive.Bytes(), nil
}

// lockedObject is an object version under a lock of mode Compliance.
type lockedObject struct{ bucket, name, versionID string }

const lockedContent = "as it was written"

func newLockedObject(t *testing.T, bucket, name string) lockedObject {
	t.Helper()

	// The lock is short, so that the server's data can be deleted.
	o, err := env.Server.S3.PutObject(t.Context(), bucket, name, strings.NewReader(lockedContent), int64(len(lockedContent)),
		miniogo.PutObjectOptions{Mode: miniogo.Compliance, RetainUntilDate: time.Now().Add(5 * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}

	return lockedObject{bucket: bucket, name: name, versionID: o.VersionID}
}

// holds reports whether the version has its content.
func (o lockedObject) holds(t *testing.T) bool {
	t.Helper()

	r, err := env.Server.S3.GetObject(t.Context(), o.bucket, o.name, miniogo.GetObjectOptions{VersionID: o.versionID})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}

	return string(content) == lockedContent
}

// uncheckedUpload uploads content over a version of an object.
type uncheckedUpload struct {
	// object is the object's name.
	object string
	send   func(ctx context.Context, c miniov1alpha1.Connection, o lockedObject) (response, error)
}

// uncheckedUploads are the uploads that do not check locks: by form, and of an archive
// with different prefixes for its objects.
func uncheckedUploads() map[string]uncheckedUpload {
	const overwritten = "overwritten"

	all := map[string]uncheckedUpload{
		"Form": {object: "form", send: func(ctx context.Context, c miniov1alpha1.Connection, o lockedObject) (response, error) {
			return form(ctx, c, o.bucket, o.name, "versionId="+o.versionID, []byte(overwritten), nil)
		}},
	}

	for name, prefix := range map[string]string{"Archive": "", "ArchiveBelowPrefix": "x", "ArchiveBelowPath": "x/y/", "ArchiveBelowDot": "."} {
		object := strings.TrimLeft(strings.TrimSuffix(prefix, "/")+"/unpacked", "./")

		all[name] = uncheckedUpload{object: object, send: func(ctx context.Context, c miniov1alpha1.Connection, o lockedObject) (response, error) {
			archive, err := archiveOf("unpacked", o.versionID, []byte(overwritten))
			if err != nil {
				return response{}, err
			}

			header := http.Header{"X-Amz-Meta-Snowball-Auto-Extract": {"true"}}
			if prefix != "" {
				header.Set("X-Amz-Meta-Minio-Snowball-Prefix", prefix)
			}

			return signedCall(ctx, c, http.MethodPut, "/"+o.bucket+"/archive.tar", string(archive), header)
		}}
	}

	return all
}

// TestUncheckedUploads overwrites versions of objects under a lock of mode Compliance, by
// form and with archives. The server does that, unless the User denies it; all other
// uploads go on. If the first half fails, the server checks locks: see whether
// denyUncheckedUploads is needed, and correct what docs/security.md says.
func TestUncheckedUploads(t *testing.T) {
	startProvider(t)

	ctx := t.Context()
	ns, home := newHome(t)
	locked := ns + "-locked"

	if err := env.Server.S3.MakeBucket(ctx, locked, miniogo.MakeBucketOptions{ObjectLocking: true}); err != nil {
		t.Fatal(err)
	}

	if err := env.Server.SetBucketQuota(ctx, home, &madmin.BucketQuota{Size: 1 << 10, Type: madmin.HardQuota}); err != nil {
		t.Fatal(err)
	}

	u := newUser(ns, "writer",
		miniov1alpha1.Grant{BucketName: locked, Access: miniov1alpha1.AccessReadWrite},
		miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
	createUser(t, u)

	c := awaitPublished(t, u)

	for name, upload := range uncheckedUploads() {
		o := newLockedObject(t, locked, upload.object)
		if rsp, err := upload.send(ctx, c, o); err != nil || rsp.status >= http.StatusBadRequest || o.holds(t) {
			t.Errorf("%s: want the server to overwrite a locked version, got %+v, %v", name, rsp, err)
		}
	}

	if rsp, err := form(ctx, c, home, "large", "", make([]byte, 2<<10), nil); err != nil || rsp.status != http.StatusNoContent {
		t.Errorf("want the server to accept a form beyond the quota, got %+v, %v", rsp, err)
	}

	await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.DenyUncheckedUploads = true })
	awaitPublished(t, u)

	for name, upload := range uncheckedUploads() {
		o := newLockedObject(t, locked, upload.object)
		if rsp, err := upload.send(ctx, c, o); err != nil || rsp.status != http.StatusForbidden || !o.holds(t) {
			t.Errorf("%s: want the upload to be denied, got %+v, %v", name, rsp, err)
		}
	}

	if rsp, err := form(ctx, c, home, "large", "", make([]byte, 2<<10), nil); err != nil || rsp.status != http.StatusForbidden {
		t.Errorf("want a form to be denied, got %+v, %v", rsp, err)
	}

	wantUploadsAndDeletions(t, c, locked)
}

// wantUploadsAndDeletions wants a key that is denied unchecked uploads to be able to write
// and delete, except for objects whose names end in a slash.
func wantUploadsAndDeletions(t *testing.T, c miniov1alpha1.Connection, bucket string) {
	t.Helper()

	ctx := t.Context()

	s3, err := env.Server.Client(c.AccessKeyID, c.SecretAccessKey)
	if err != nil {
		t.Fatal(err)
	}

	wantUploads(t, "http", s3, bucket)

	if _, err := s3.PutObject(ctx, bucket, "in/a/folder", strings.NewReader("text"), 4, miniogo.PutObjectOptions{}); err != nil {
		t.Errorf("upload below a prefix: %v", err)
	}

	for _, object := range []string{"http-one-piece", newLockedObject(t, bucket, "to-delete").name} {
		if err := s3.RemoveObject(ctx, bucket, object, miniogo.RemoveObjectOptions{}); err != nil {
			t.Errorf("deletion of %s without a version: %v", object, err)
		}
	}

	_, err = s3.PutObject(ctx, bucket, "folder/", strings.NewReader(""), 0, miniogo.PutObjectOptions{})
	if code := miniogo.ToErrorResponse(err).Code; code != miniogo.AccessDenied {
		t.Errorf("an object whose name ends in a slash: want AccessDenied, got %v", err)
	}
}

// TestServerTakesConditionsFromHeaders shows a limit of MinIO that docs/security.md states:
// a header with the name of a condition key replaces the key's value. So a form evades the
// denial of forms, and a key that may list a prefix lists the whole bucket. If this fails,
// correct what the documentation says of both.
func TestServerTakesConditionsFromHeaders(t *testing.T) {
	bucket, user := unique("limit-conditions"), unique("forger")

	if err := env.Server.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}

	arn := `"arn:aws:s3:::` + bucket

	newServerUser(t, user, `{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": [`+arn+`/*"]},`+
		`{"Effect": "Deny", "Action": ["s3:PutObject"], "Resource": [`+arn+`/*"], "Condition": {"StringEquals": {"s3:authType": ["POST"]}}},`+
		`{"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [`+arn+`"], "Condition": {"StringLike": {"s3:prefix": ["in/*"]}}}`)

	c := miniov1alpha1.Connection{AccessKeyID: user, SecretAccessKey: secretOfUsers}

	for name, call := range map[string]func(header http.Header) (response, error){
		"Authtype": func(header http.Header) (response, error) {
			return form(t.Context(), c, bucket, "x", "", []byte("text"), header)
		},
		"Prefix": func(header http.Header) (response, error) {
			return signedCall(t.Context(), c, http.MethodGet, "/"+bucket+"/", "", header)
		},
	} {
		if rsp, err := call(http.Header{}); err != nil || rsp.status != http.StatusForbidden {
			t.Errorf("without the header %s: want the call to be denied, got %+v, %v", name, rsp, err)
		}

		forged := map[string]string{"Authtype": "REST-HEADER", "Prefix": "in/"}[name]
		if rsp, err := call(http.Header{name: {forged}}); err != nil || rsp.status >= http.StatusBadRequest {
			t.Errorf("with the header %s: want the call to be allowed, got %+v, %v", name, rsp, err)
		}
	}
}
