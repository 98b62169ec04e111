//go:build e2e

package component

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// newServerUser creates a user with a policy on MinIO, as an administrator. Its secret key is
// secretOfUsers.
func newServerUser(t *testing.T, name, statements string) {
	t.Helper()

	ctx := t.Context()
	if err := env.Server.AddUser(ctx, name, secretOfUsers); err != nil {
		t.Fatal(err)
	}

	if err := env.Server.AddCannedPolicy(ctx, name, []byte(`{"Version": "2012-10-17", "Statement": [`+statements+`]}`)); err != nil {
		t.Fatal(err)
	}

	if _, err := env.Server.AttachPolicy(ctx, madmin.PolicyAssociationReq{Policies: []string{name}, User: name}); err != nil {
		t.Fatal(err)
	}
}

// secretOfUsers belongs to users that exist for one test only.
const secretOfUsers = "a-secret-key-of-a-test"

// TestServerLiftsGovernanceLocks shows a limit of MinIO that docs/security.md states: a key
// without any right on a bucket lifts the governance locks of its objects. A server that denies
// it makes this test fail; the documentation can then be changed.
func TestServerLiftsGovernanceLocks(t *testing.T) {
	ctx, bucket, name := t.Context(), unique("limit-governance"), unique("stranger")
	if err := env.Server.S3.MakeBucket(ctx, bucket, miniogo.MakeBucketOptions{ObjectLocking: true}); err != nil {
		t.Fatal(err)
	}

	newServerUser(t, name, `{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::another-bucket/*"]}`)

	stranger, err := env.Server.Client(name, secretOfUsers)
	if err != nil {
		t.Fatal(err)
	}

	for _, mode := range []miniogo.RetentionMode{miniogo.Governance, miniogo.Compliance} {
		put, object := strings.NewReader("some text"), strings.ToLower(mode.String())

		// The lock that holds is short, so that the server's data can be deleted.
		if _, err := env.Server.S3.PutObject(ctx, bucket, object, put, put.Size(), miniogo.PutObjectOptions{
			Mode: mode, RetainUntilDate: time.Now().Add(time.Minute),
		}); err != nil {
			t.Fatal(err)
		}

		err := stranger.PutObjectRetention(ctx, bucket, object, miniogo.PutObjectRetentionOptions{GovernanceBypass: true})
		if lifted, want := err == nil, mode == miniogo.Governance; lifted != want {
			t.Errorf("%s: want the lock to be lifted: %t, got %v", mode, want, err)
		}
	}
}

// TestServerTakesRetentionFromHeaders shows a limit of MinIO that docs/security.md states: a policy
// can bound for how many days a key locks an object, and the client evades that with a header. If
// this fails, policies can bound locks: offer that in pools.
func TestServerTakesRetentionFromHeaders(t *testing.T) {
	ctx, bucket, name := t.Context(), unique("limit-retention"), unique("locker")
	if err := env.Server.S3.MakeBucket(ctx, bucket, miniogo.MakeBucketOptions{ObjectLocking: true}); err != nil {
		t.Fatal(err)
	}

	put := strings.NewReader("some text")
	if _, err := env.Server.S3.PutObject(ctx, bucket, "x", put, put.Size(), miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	newServerUser(t, name, `{"Effect": "Allow", "Action": ["s3:PutObjectRetention"], "Resource": ["arn:aws:s3:::`+bucket+`/*"], `+
		`"Condition": {"NumericLessThanEquals": {"s3:object-lock-remaining-retention-days": "2"}}}`)

	lock := func(days int, header http.Header) int {
		t.Helper()

		body := "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>" +
			time.Now().UTC().AddDate(0, 0, days).Format(time.RFC3339) + "</RetainUntilDate></Retention>"
		c := miniov1alpha1.Connection{AccessKeyID: name, SecretAccessKey: secretOfUsers}

		rsp, err := signedCall(ctx, c, http.MethodPut, "/"+bucket+"/x?retention=", body, header)
		if err != nil {
			t.Fatal(err)
		}

		return rsp.status
	}

	if status := lock(1, http.Header{}); status != http.StatusOK {
		t.Errorf("a short lock: want it to be allowed, got status %d", status)
	}

	if status := lock(30, http.Header{}); status != http.StatusForbidden {
		t.Errorf("a long lock: want it to be denied, got status %d", status)
	}

	if status := lock(30, http.Header{"Object-Lock-Remaining-Retention-Days": {"1"}}); status != http.StatusOK {
		t.Errorf("a long lock with the header: want it to be allowed, got status %d", status)
	}
}

// TestServerLetsKeysRemoveEachOther shows a limit of MinIO that docs/security.md states: an
// access key removes another one of the same user although the user's policy denies it.
func TestServerLetsKeysRemoveEachOther(t *testing.T) {
	ctx, name := t.Context(), unique("rotated")
	retiring, successor := strings.ToUpper(unique("retiring")), strings.ToUpper(unique("successor"))

	newServerUser(t, name, `{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::x/*"]},`+
		`{"Effect": "Deny", "Action": ["admin:CreateServiceAccount", "admin:UpdateServiceAccount", "admin:RemoveServiceAccount"]}`)

	for _, key := range []string{retiring, successor} {
		if _, err := env.Server.AddServiceAccount(ctx, madmin.AddServiceAccountReq{
			TargetUser: name, AccessKey: key, SecretKey: secretOfUsers,
		}); err != nil {
			t.Fatal(err)
		}
	}

	api, err := madmin.NewWithOptions(env.Server.url.Host, &madmin.Options{Creds: credentials.NewStaticV4(retiring, secretOfUsers, "")})
	if err != nil {
		t.Fatal(err)
	}

	if err := api.DeleteServiceAccount(ctx, successor); err != nil {
		t.Errorf("want the retiring key to remove its successor, got %v", err)
	}

	if _, err := api.AddServiceAccount(ctx, madmin.AddServiceAccountReq{}); madmin.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("want no further keys, got %v", err)
	}
}

// TestServerIssuesTemporaryCredentials shows a limit of MinIO that docs/security.md states: a
// user's own key can issue temporary credentials with its own rights. They end with the user.
func TestServerIssuesTemporaryCredentials(t *testing.T) {
	ctx, bucket, name := t.Context(), unique("limit-sts"), unique("issuer")

	newServerUser(t, name, `{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::`+bucket+`", "arn:aws:s3:::`+bucket+`/*"]}`)

	if err := env.Server.S3.MakeBucket(ctx, bucket, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}

	issued, err := credentials.NewSTSAssumeRole(env.Server.URL(), credentials.STSAssumeRoleOptions{AccessKey: name, SecretKey: secretOfUsers})
	if err != nil {
		t.Fatal(err)
	}

	s3, err := miniogo.New(env.Server.url.Host, &miniogo.Options{Creds: issued, Region: region, MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}

	if exists, err := s3.BucketExists(ctx, bucket); err != nil || !exists {
		t.Errorf("want temporary credentials with the rights of the key, got %v", err)
	}

	if err := env.Server.RemoveUser(ctx, name); err != nil {
		t.Fatal(err)
	}

	if _, err := s3.BucketExists(ctx, bucket); err == nil {
		t.Error("want temporary credentials to end with the user")
	}
}

// TestServerAcceptsPresignedURLs expects a presigned URL to work without a key, and to end with
// the user who made it.
func TestServerAcceptsPresignedURLs(t *testing.T) {
	ctx, bucket, name := t.Context(), unique("limit-presigned"), unique("signer")

	newServerUser(t, name, `{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::`+bucket+`", "arn:aws:s3:::`+bucket+`/*"]}`)

	if err := env.Server.S3.MakeBucket(ctx, bucket, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}

	put := strings.NewReader("some text")
	if _, err := env.Server.S3.PutObject(ctx, bucket, "object", put, put.Size(), miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	s3, err := env.Server.Client(name, secretOfUsers)
	if err != nil {
		t.Fatal(err)
	}

	url, err := s3.PresignedGetObject(ctx, bucket, "object", time.Hour, nil)
	if err != nil {
		t.Fatal(err)
	}

	status := func() int {
		t.Helper()

		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url.String(), nil)
		if err != nil {
			t.Fatal(err)
		}

		rsp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer rsp.Body.Close()

		return rsp.StatusCode
	}

	if got := status(); got != http.StatusOK {
		t.Errorf("want the URL to work, got %d", got)
	}

	if err := env.Server.RemoveUser(ctx, name); err != nil {
		t.Fatal(err)
	}

	if got := status(); got != http.StatusForbidden {
		t.Errorf("want the URL to end with the user, got %d", got)
	}
}
