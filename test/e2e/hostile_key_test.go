//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// wantNoAdministration checks that a key can neither create, change, list nor remove keys and users,
// whether they are its own or another tenant's, and that it still works as before.
func wantNoAdministration(t *testing.T, info, victim tenantv1alpha1.BucketInfo) {
	t.Helper()

	ctx, key, other := t.Context(), info.Spec.SecretS3, victim.Spec.SecretS3.AccessKeyID

	const secretKey = "a-secret-key-of-the-thief-s-own"

	s, err := api.AdminAPI(plat, key.AccessKeyID, key.AccessSecretKey)
	if err != nil {
		t.Fatal(err)
	}

	calls := map[string]func() error{
		"change its secret key":   func() error { return s.SetUser(ctx, key.AccessKeyID, secretKey, madmin.AccountEnabled) },
		"change another's secret": func() error { return s.SetUser(ctx, other, secretKey, madmin.AccountEnabled) },
		"disable another":         func() error { return s.SetUserStatus(ctx, other, madmin.AccountDisabled) },
		"remove another":          func() error { return s.RemoveUser(ctx, other) },
		"lift its quota":          func() error { return s.SetBucketQuota(ctx, info.Spec.BucketName, &madmin.BucketQuota{}) },
		"change its key": func() error {
			return s.UpdateServiceAccount(ctx, key.AccessKeyID, madmin.UpdateServiceAccountReq{NewSecretKey: secretKey})
		},
		"write a policy": func() error {
			return s.AddCannedPolicy(ctx, key.AccessKeyID, []byte(`{"Version":"2012-10-17","Statement":[]}`))
		},
		"join a group": func() error {
			return s.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: "admins", Members: []string{key.AccessKeyID}})
		},
		"create a key": call(func() (any, error) { return s.AddServiceAccount(ctx, madmin.AddServiceAccountReq{}) }),
		"create a key of another": call(func() (any, error) {
			return s.AddServiceAccount(ctx, madmin.AddServiceAccountReq{TargetUser: other})
		}),
		"list the keys of another":   call(func() (any, error) { return s.ListServiceAccounts(ctx, other) }),
		"read another":               call(func() (any, error) { return s.GetUserInfo(ctx, other) }),
		"list users":                 call(func() (any, error) { return s.ListUsers(ctx) }),
		"read a policy":              call(func() (any, error) { return s.InfoCannedPolicyV2(ctx, other) }),
		"read the server's settings": call(func() (any, error) { return s.GetConfig(ctx) }),
		"read the server's state":    call(func() (any, error) { return s.ServerInfo(ctx) }),
		"attach a policy": call(func() (any, error) {
			return s.AttachPolicy(ctx, madmin.PolicyAssociationReq{Policies: []string{"consoleAdmin"}, User: key.AccessKeyID})
		}),
	}

	for action, try := range calls {
		// The second is the answer to a key that is not its user's own.
		if code := madmin.ToErrorResponse(try()).Code; code != "AccessDenied" && code != "XMinioInvalidIAMCredentials" {
			t.Errorf("%s: want AccessDenied, got %q", action, code)
		}
	}

	if _, err := list(ctx, tenantClient(t, info), info.Spec.BucketName); err != nil {
		t.Errorf("want the key to work as before, got %v", err)
	}
}

// call returns a call without its result.
func call(f func() (any, error)) func() error {
	return func() error {
		_, err := f()

		return err
	}
}

// TestStolenKeys tries with each kind of key of a claim, before and after a rotation, what it must
// not do: reach another tenant's bucket, change settings, administer, and write as a reader.
func TestStolenKeys(t *testing.T) {
	t.Parallel()

	victim := newVictim(t)
	f := newTenant(t)
	f.claim(t, "stolen", "{users: {writer: {}, reader: {readonly: true}}, rotation: {overlap: 0s}}")
	before := waitReady(t, f.ns, "stolen")

	check := func() {
		for _, user := range []string{"", "writer", "reader"} {
			info := getBucketInfo(t, f.ns, "stolen", user)
			wantOwnBucketOnly(t, info, victim.Spec.BucketName)
			wantNoAdministration(t, info, victim)

			if user == "reader" {
				s3, bucket := tenantClient(t, info), info.Spec.BucketName
				wantDenied(t, "write as a reader", put(t.Context(), s3, bucket, "x"))
				wantDenied(t, "delete as a reader", remove(t.Context(), s3, bucket, "x"))
				wantDenied(t, "set a policy as a reader", s3.SetBucketPolicy(t.Context(), bucket, `{"Version":"2012-10-17","Statement":[]}`))
			} else {
				testForbidden(t, info)
			}
		}
	}

	check()
	rotate(t, f.ns, "stolen", "now", "0s", before)
	waitReady(t, f.ns, "stolen")
	check()
}

// TestRetiringKey pins what a stolen key can do while it is retiring: it removes its successor, and
// the tenant has no key until the provider finds out; see docs/security.md. It checks that the
// claim gets a key that works again, and that a rotation with overlap 0s ends the stolen key.
func TestRetiringKey(t *testing.T) {
	t.Parallel()

	newVictim(t)

	f := newTenant(t)
	f.claim(t, "retiring", "{}")
	own := waitReady(t, f.ns, "retiring")
	stolen := rotate(t, f.ns, "retiring", "first", "24h", own)
	waitReady(t, f.ns, "retiring")

	successor := rotate(t, f.ns, "retiring", "second", "24h", stolen)
	waitReady(t, f.ns, "retiring")

	thief, err := api.AdminAPI(plat, stolen.Spec.SecretS3.AccessKeyID, stolen.Spec.SecretS3.AccessSecretKey)
	if err != nil {
		t.Fatal(err)
	}

	if err := thief.DeleteServiceAccount(t.Context(), successor.Spec.SecretS3.AccessKeyID); err != nil {
		t.Fatalf("a retiring key can no longer remove its successor, got %v: correct docs/security.md", err)
	}

	// The server answers that it has done this, and has not.
	_ = thief.DeleteServiceAccount(t.Context(), own.Spec.SecretS3.AccessKeyID)

	if u, err := admin.GetUserInfo(t.Context(), own.Spec.SecretS3.AccessKeyID); err != nil || u.Status != madmin.AccountEnabled {
		t.Errorf("want a retiring key not to remove its user, got %+v, %v", u.Status, err)
	}

	name, _ := connectionNames(t, f.ns, "retiring", "")
	reconcileNow(t, &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: name}})

	var last tenantv1alpha1.BucketInfo

	await.For(t, "a key that works", func() error {
		last = getBucketInfo(t, f.ns, "retiring", "")
		_, err := list(t.Context(), tenantClient(t, last), last.Spec.BucketName)

		return err
	})

	last = rotate(t, f.ns, "retiring", "third", "0s", last)
	waitKeyRejected(t, stolen)
	testAllowed(t, last)
}

// TestTemporaryCredentials issues temporary credentials with a claim's keys. A user's first key can
// issue them, with its own rights; they end when that key is replaced. Later keys cannot issue any.
func TestTemporaryCredentials(t *testing.T) {
	t.Parallel()

	victim := newVictim(t)
	f := newTenant(t)
	f.claim(t, "temporary", "{rotation: {overlap: 0s}}")
	first := waitReady(t, f.ns, "temporary")

	issued, err := issue(t, first)
	if err != nil {
		t.Fatalf("a key can no longer issue temporary credentials, got %v: correct docs/security.md", err)
	}

	if _, err := list(t.Context(), issued, first.Spec.BucketName); err != nil {
		t.Errorf("want temporary credentials to work, got %v", err)
	}

	_, err = list(t.Context(), issued, victim.Spec.BucketName)
	wantDenied(t, "list another bucket with temporary credentials", err)

	second := rotate(t, f.ns, "temporary", "now", "0s", first)
	waitKeyRejected(t, first)
	await.For(t, "the temporary credentials to end", func() error {
		if _, err := list(t.Context(), issued, first.Spec.BucketName); err == nil {
			return errors.New("they work")
		}

		return nil
	})

	if _, err := issue(t, second); err == nil {
		t.Error("want a later key not to issue temporary credentials")
	}
}

// issue returns a client with temporary credentials that a key issues.
func issue(t *testing.T, info tenantv1alpha1.BucketInfo) (*miniogo.Client, error) {
	t.Helper()

	transport, err := api.Transport(plat)
	if err != nil {
		t.Fatal(err)
	}

	creds, err := credentials.NewSTSAssumeRole(platform.MinIOInsideURL, credentials.STSAssumeRoleOptions{
		AccessKey: info.Spec.SecretS3.AccessKeyID, SecretKey: info.Spec.SecretS3.AccessSecretKey,
	})
	if err != nil {
		t.Fatal(err)
	}

	s3, err := miniogo.New(strings.TrimPrefix(platform.MinIOInsideURL, "https://"), &miniogo.Options{
		Creds: creds, Secure: true, Transport: transport, MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}

	if _, err := creds.GetWithContext(s3.CredContext()); err != nil {
		return nil, fmt.Errorf("cannot issue temporary credentials: %w", err)
	}

	return s3, nil
}
