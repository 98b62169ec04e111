//go:build e2e

package component

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// createUser creates a User, which is deleted at the end of the test: the tests that count
// calls follow in the same environment.
func createUser(t *testing.T, u *miniov1alpha1.User) {
	t.Helper()
	create(t, u)

	t.Cleanup(func() {
		if err := env.Kube.Delete(context.Background(), u); err != nil {
			t.Error(err)
		}

		await.Gone(t, env.Kube, u)
	})
}

// awaitPublished waits until a User is ready and returns its connection.
func awaitPublished(t *testing.T, u *miniov1alpha1.User) miniov1alpha1.Connection {
	t.Helper()

	var c miniov1alpha1.Connection

	await.For(t, u.Name+" to have a key", func() (err error) {
		if err := settled(t.Context(), u); err != nil {
			return err
		}

		c, err = connection(t.Context(), u)

		return err
	})

	return c
}

// unsignedUpload is an upload that is not signed with a secret key. It names the ID of an
// access key, and its body has a checksum after it instead of a signature.
type unsignedUpload struct {
	reason string
	// content of the body, and the object that it becomes.
	content []byte
	object  string
	// trailer reports whether the body is in chunks with a checksum after them.
	trailer bool
	// prepare adds a signature that no secret key made.
	prepare func(req *http.Request, accessKeyID string)
}

// unsignedUploads are the two that community servers accept (CVE-2026-41145,
// CVE-2026-40344).
func unsignedUploads(t *testing.T) map[string]unsignedUpload {
	t.Helper()

	var archive bytes.Buffer

	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "unpacked", Mode: 0o600, Size: 5, Format: tar.FormatUSTAR}); err != nil {
		t.Fatal(err)
	}

	if _, err := w.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	scope := func(accessKeyID string) string {
		return accessKeyID + "/" + time.Now().UTC().Format("20060102") + "/" + region + "/s3/aws4_request"
	}

	return map[string]unsignedUpload{
		"Presigned": {
			reason: "The signature of a presigned URL is not verified.", content: []byte("hello"), object: "presigned", trailer: true,
			prepare: func(req *http.Request, accessKeyID string) {
				req.URL.RawQuery = url.Values{
					"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {scope(accessKeyID)}, "X-Amz-Date": {req.Header.Get("X-Amz-Date")},
					"X-Amz-Expires": {"600"}, "X-Amz-SignedHeaders": {"host"}, "X-Amz-Signature": {"deadbeef"},
				}.Encode()
			},
		},
		"Archive": {
			reason: "The signature of an archive that the server unpacks is not verified.", content: archive.Bytes(), object: "unpacked",
			prepare: func(req *http.Request, accessKeyID string) {
				req.Header.Set("X-Amz-Meta-Snowball-Auto-Extract", "true")
				req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+scope(accessKeyID)+
					", SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=deadbeef")
			},
		},
	}
}

// send uploads with nothing but the ID of an access key.
func (u unsignedUpload) send(ctx context.Context, bucket, accessKeyID string) (response, error) {
	body := string(u.content)
	headers := map[string]string{
		"X-Amz-Date":           time.Now().UTC().Format("20060102T150405Z"),
		"X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
	}

	if u.trailer {
		sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(u.content))
		body = fmt.Sprintf("%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n", len(u.content), u.content, base64.StdEncoding.EncodeToString(sum))
		headers["X-Amz-Decoded-Content-Length"] = strconv.Itoa(len(u.content))
		headers["X-Amz-Trailer"] = "x-amz-checksum-crc32"
		headers["Content-Encoding"] = "aws-chunked"
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodPut, env.Server.URL()+"/"+bucket+"/"+u.object, strings.NewReader(body))
	if err != nil {
		return response{}, fmt.Errorf("cannot make a request: %w", err)
	}

	for k, v := range headers {
		req.Header.Set(k, v)
	}

	u.prepare(req, accessKeyID)

	return do(req)
}

// TestUnsignedUploads uploads to a bucket with nothing but the ID of a key. The server
// accepts that, unless the User denies it; what is signed goes on. If the first half
// fails, the server verifies these uploads: see whether denyUnsignedUploads is needed.
func TestUnsignedUploads(t *testing.T) {
	startProvider(t)

	ctx := t.Context()
	ns, home := newHome(t)
	u := newUser(ns, "unsigned", miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
	createUser(t, u)

	c := awaitPublished(t, u)

	for name, upload := range unsignedUploads(t) {
		if rsp, err := upload.send(ctx, home, c.AccessKeyID); err != nil || rsp.status != http.StatusOK || !stored(t, home, upload.object) {
			t.Errorf("%s: %s\nwant the server to store the object, got %+v, %v", name, upload.reason, rsp, err)
		}

		if err := env.Server.S3.RemoveObject(ctx, home, upload.object, miniogo.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}

	await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.DenyUnsignedUploads = true })
	awaitPublished(t, u)

	for name, upload := range unsignedUploads(t) {
		if rsp, err := upload.send(ctx, home, c.AccessKeyID); err != nil || rsp.status != http.StatusForbidden || stored(t, home, upload.object) {
			t.Errorf("%s: want the upload to be denied, got %+v, %v", name, rsp, err)
		}
	}

	plain, err := env.Server.Client(c.AccessKeyID, c.SecretAccessKey)
	if err != nil {
		t.Fatal(err)
	}

	wantUploads(t, "http", plain, home)
	wantUploads(t, "https", secureClient(t, c, false), home)

	// This is what current AWS SDKs do by default.
	_, err = secureClient(t, c, true).PutObject(ctx, home, "trailer", strings.NewReader("text"), 4, miniogo.PutObjectOptions{Checksum: miniogo.ChecksumCRC32})
	if code := miniogo.ToErrorResponse(err).Code; code != miniogo.AccessDenied {
		t.Errorf("an upload with an unsigned trailer: want AccessDenied, got %v", err)
	}
}

// stored reports whether an object exists.
func stored(t *testing.T, bucket, object string) bool {
	t.Helper()

	_, err := env.Server.S3.StatObject(t.Context(), bucket, object, miniogo.StatObjectOptions{})

	return err == nil
}

// secureClient returns a client that reaches MinIO over TLS, through the proxy.
func secureClient(t *testing.T, c miniov1alpha1.Connection, trailers bool) *miniogo.Client {
	t.Helper()

	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(c.CACertificates)) {
		t.Fatal("the connection Secret holds no certificate")
	}

	e, err := url.Parse(c.Endpoint)
	if err != nil {
		t.Fatal(err)
	}

	s3, err := miniogo.New(e.Host, &miniogo.Options{
		Creds: credentials.NewStaticV4(c.AccessKeyID, c.SecretAccessKey, ""), Secure: true, Region: c.Region, MaxRetries: 1,
		Transport:       &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
		TrailingHeaders: trailers,
	})
	if err != nil {
		t.Fatal(err)
	}

	return s3
}

// wantUploads wants a client to be able to upload an object in one piece and in parts,
// and with a presigned URL.
func wantUploads(t *testing.T, scheme string, s3 *miniogo.Client, bucket string) {
	t.Helper()

	const mebibyte = 1 << 20

	ctx := t.Context()

	for name, size := range map[string]int{"one-piece": 5, "parts": 11 * mebibyte} {
		_, err := s3.PutObject(ctx, bucket, scheme+"-"+name, bytes.NewReader(make([]byte, size)), int64(size),
			miniogo.PutObjectOptions{PartSize: 5 * mebibyte})
		if err != nil {
			t.Errorf("%s: upload in %s: %v", scheme, name, err)
		}
	}

	presigned, err := s3.PresignedPutObject(ctx, bucket, scheme+"-presigned", time.Minute)
	if err != nil {
		t.Fatal(err)
	}

	// The presigned URL of the secure client leads to the proxy, whose host is signed.
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, env.Server.URL()+presigned.RequestURI(), strings.NewReader("text"))
	if err != nil {
		t.Fatal(err)
	}

	req.Host = presigned.Host

	if rsp, err := do(req); err != nil || rsp.status != http.StatusOK {
		t.Errorf("%s: upload with a presigned URL: status %d %s, %v", scheme, rsp.status, rsp.body, err)
	}
}

// TestGovernanceLock pins what a lock of mode Governance is worth on the tested server:
// the key of another bucket lifts it, whatever its policy denies. A lock of mode
// Compliance stays. If this fails, the server verifies it: correct what the
// documentation of the mode says.
func TestGovernanceLock(t *testing.T) {
	startProvider(t)

	ctx := t.Context()
	ns, home := newHome(t)
	locked := ns + "-locked"

	if err := env.Server.S3.MakeBucket(ctx, locked, miniogo.MakeBucketOptions{ObjectLocking: true}); err != nil {
		t.Fatal(err)
	}

	u := newUser(ns, "stranger", miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
	createUser(t, u)

	c := awaitPublished(t, u)

	stranger, err := env.Server.Client(c.AccessKeyID, c.SecretAccessKey)
	if err != nil {
		t.Fatal(err)
	}

	for mode, lifted := range map[miniogo.RetentionMode]bool{miniogo.Governance: true, miniogo.Compliance: false} {
		object := strings.ToLower(mode.String())

		o, err := env.Server.S3.PutObject(ctx, locked, object, strings.NewReader("text"), 4,
			miniogo.PutObjectOptions{Mode: mode, RetainUntilDate: time.Now().Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}

		_ = stranger.PutObjectRetention(ctx, locked, object, miniogo.PutObjectRetentionOptions{GovernanceBypass: true})

		after, _, err := env.Server.S3.GetObjectRetention(ctx, locked, object, "")
		if got := err != nil || after == nil || *after == ""; got != lifted {
			t.Errorf("%s: want the lock to be lifted: %t, got %t", mode, lifted, got)
		}

		err = stranger.RemoveObject(ctx, locked, object, miniogo.RemoveObjectOptions{VersionID: o.VersionID, GovernanceBypass: true})
		if code := miniogo.ToErrorResponse(err).Code; code != miniogo.AccessDenied {
			t.Errorf("%s: want the stranger to be denied the deletion, got %v", mode, err)
		}
	}
}

// TestNoAdministration tries with the keys of Users what MinIO allows every user by
// default, and what only an administrator may do. A further policy allows the latter
// alone.
func TestNoAdministration(t *testing.T) {
	startProvider(t)

	ns, home := newHome(t)
	grant := miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite}
	plain, operator := newUser(ns, "plain", grant), newUser(ns, "operator", grant)
	operator.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{{PolicyName: "diagnostics"}}

	for _, u := range []*miniov1alpha1.User{plain, operator} {
		createUser(t, u)

		wantNoOwnKeys(t, u, awaitPublished(t, u), u == operator)

		await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) {
			u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}}
		})

		wantNoOwnKeys(t, u, awaitKey(t, u, 1), u == operator)
	}

	await.Change(t, env.Kube, operator, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Policies = nil })
	wantNoOwnKeys(t, operator, awaitPublished(t, operator), false)
}

// wantNoOwnKeys wants a key to work, and to make, change and list no key, nor change the
// secret key of its user.
func wantNoOwnKeys(t *testing.T, u *miniov1alpha1.User, c miniov1alpha1.Connection, diagnostics bool) {
	t.Helper()

	ctx := t.Context()

	if err := works(ctx, c); err != nil {
		t.Error(err)
	}

	api, err := madmin.NewWithOptions(strings.TrimPrefix(env.Server.URL(), "http://"),
		&madmin.Options{Creds: credentials.NewStaticV4(c.AccessKeyID, c.SecretAccessKey, "")})
	if err != nil {
		t.Fatal(err)
	}

	const secretKey = "a-secret-key-of-the-tenant-s-own"

	for action, call := range map[string]func() error{
		"create a key": func() error {
			_, err := api.AddServiceAccount(ctx, madmin.AddServiceAccountReq{})

			return err
		},
		"change its secret key": func() error { return api.SetUser(ctx, meta.GetExternalName(u), secretKey, madmin.AccountEnabled) },
		"change a key": func() error {
			return api.UpdateServiceAccount(ctx, c.AccessKeyID, madmin.UpdateServiceAccountReq{NewSecretKey: secretKey})
		},
		"create a user": func() error { return api.AddUser(ctx, "another-user", secretKey) },
		"list users": func() error {
			_, err := api.ListUsers(ctx)

			return err
		},
	} {
		// The second is the answer to a key that is not its user's own.
		if code := madmin.ToErrorResponse(call()).Code; code != "AccessDenied" && code != "XMinioInvalidIAMCredentials" {
			t.Errorf("%s: want AccessDenied, got %q", action, code)
		}
	}

	_, err = api.ServerInfo(ctx)
	if got := err == nil; got != diagnostics {
		t.Errorf("read the server's information: want it to be allowed: %t, got %v", diagnostics, err)
	}

	// None of the calls changed the key.
	if err := works(ctx, c); err != nil {
		t.Error(err)
	}
}
