//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/clients"
)

// newUser returns a User whose connection Secret has the User's name.
func newUser(ns, name string, grants ...miniov1alpha1.Grant) *miniov1alpha1.User {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns}}
	u.Spec.ForProvider.Grants = grants
	u.Spec.WriteConnectionSecretToReference = &xpv1.LocalSecretReference{Name: name}

	return u
}

// connectionSecret returns the connection Secret of a User.
func connectionSecret(t testing.TB, u *miniov1alpha1.User) *corev1.Secret {
	t.Helper()

	s := &corev1.Secret{}
	if err := kube.Get(t.Context(), types.NamespacedName{Namespace: u.Namespace, Name: u.Name}, s); err != nil {
		t.Fatal(err)
	}

	return s
}

// userClient waits until a User's connection Secret is complete, and returns an S3
// client with its key.
func userClient(t *testing.T, u *miniov1alpha1.User) *miniogo.Client {
	t.Helper()

	var s3 *miniogo.Client

	await.For(t, "the connection Secret to be complete", func() error {
		s := &corev1.Secret{}
		if err := kube.Get(t.Context(), types.NamespacedName{Namespace: u.Namespace, Name: u.Name}, s); err != nil {
			return err
		}

		for _, k := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3", "AWS_REGION"} {
			if len(s.Data[k]) == 0 {
				return errors.New("it has no " + k)
			}
		}

		var err error
		s3, err = clients.S3(plat,
			string(s.Data["AWS_ENDPOINT_URL_S3"]), string(s.Data["AWS_ACCESS_KEY_ID"]), string(s.Data["AWS_SECRET_ACCESS_KEY"]))

		return err
	})

	return s3
}

// checkKeyRejected returns an error unless err shows that the server rejected the key
// of an action.
func checkKeyRejected(action string, err error) error {
	if code := miniogo.ToErrorResponse(err).Code; code != miniogo.InvalidAccessKeyID && code != miniogo.SignatureDoesNotMatch {
		return fmt.Errorf("%s: want the key to be rejected, got %w", action, err)
	}

	return nil
}

// attachPolicy attaches a policy to a user on the server.
func attachPolicy(ctx context.Context, policy, user string) error {
	_, err := admin.AttachPolicy(ctx, madmin.PolicyAssociationReq{Policies: []string{policy}, User: user})

	return err
}

// TestUserDriftCorrected changes a user on the server and its Secret in Kubernetes. It
// checks that each drift is corrected: the key works, and for its own bucket only.
func TestUserDriftCorrected(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "drift")
	create(t, b)

	u := newUser(ns, "drift", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadWrite})
	create(t, u)
	waitAvailable(t, b)
	waitAvailable(t, u)

	key := u.Status.AtProvider.AccessKeyID
	own := key

	drifts := map[string]func() error{
		"Policy": func() error {
			return admin.AddCannedPolicy(ctx, own, []byte(`{"Version":"2012-10-17","Statement":[`+
				`{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`))
		},
		"PolicyOfUser": func() error { return attachPolicy(ctx, "consoleAdmin", own) },
		"Disabled":     func() error { return admin.SetUserStatus(ctx, own, madmin.AccountDisabled) },
		"Secret": func() error {
			return kube.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: u.Name}})
		},
		"SecretKeyEdited": func() error {
			await.Change(t, kube, connectionSecret(t, u), func(s *corev1.Secret) { s.Data["AWS_SECRET_ACCESS_KEY"] = []byte("edited-by-hand") })
			return nil
		},
		"SecretFileEdited": func() error {
			await.Change(t, kube, connectionSecret(t, u), func(s *corev1.Secret) { s.Data["rclone.conf"] = []byte("edited-by-hand") })
			return nil
		},
		"KeyReplaced": func() error { return admin.AddUser(ctx, own, "another-secret-key") },
		"User":        func() error { return admin.RemoveUser(ctx, own) },
	}
	correct := func(t *testing.T, drift func() error) {
		if err := drift(); err != nil {
			t.Fatal(err)
		}

		reconcileNow(t, u)
		await.For(t, "the key to work for its own bucket only", func() error {
			s3 := userClient(t, u)
			if _, err := list(ctx, s3, b.Name); err != nil {
				return err
			}

			if _, err := list(ctx, s3, "no-such-bucket-of-"+ns); miniogo.ToErrorResponse(err).Code != miniogo.AccessDenied {
				return fmt.Errorf("another bucket: %w", err)
			}

			s := connectionSecret(t, u)
			if !bytes.Contains(s.Data["rclone.conf"], s.Data["AWS_SECRET_ACCESS_KEY"]) {
				return errors.New("the formats of the Secret hold different keys")
			}

			return nil
		})
		waitAvailable(t, u)
	}

	for name, drift := range drifts {
		t.Run(name, func(t *testing.T) { correct(t, drift) })
	}

	// After a rotation the key is a service account, and no longer the user itself.
	await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now"} })
	waitGeneration(t, u, 1)

	drifts["Key"] = func() error { return admin.DeleteServiceAccount(ctx, u.Status.AtProvider.AccessKeyID) }
	delete(drifts, "KeyReplaced")

	for name, drift := range drifts {
		t.Run("Rotated"+name, func(t *testing.T) { correct(t, drift) })
	}
}

// TestUserDisabled checks that a disabled user's key is rejected, also after the user is
// enabled on the server, and works again once the User is enabled.
func TestUserDisabled(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "disabled")
	create(t, b)

	u := newUser(ns, "disabled", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadOnly})
	create(t, u)
	waitAvailable(t, b)
	waitAvailable(t, u)

	s3 := userClient(t, u)
	lists := func() error { _, err := list(ctx, s3, b.Name); return err }

	await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = new(false) })
	waitCondition(t, u, xpv1.TypeReady, corev1.ConditionFalse, "is disabled")

	if err := checkKeyRejected("list", lists()); err != nil {
		t.Error(err)
	}

	if err := admin.SetUserStatus(ctx, u.Status.AtProvider.AccessKeyID, madmin.AccountEnabled); err != nil {
		t.Fatal(err)
	}

	reconcileNow(t, u)
	await.For(t, "the key to be rejected again", func() error { return checkKeyRejected("list", lists()) })

	await.Change(t, kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = nil })
	waitAvailable(t, u)
	await.For(t, "the same key to work again", lists)
}

// TestPolicyKeptWhileAttached deletes a Policy that is attached to a User. It checks that
// the Policy stays and names the User, and is deleted once the User is.
func TestPolicyKeptWhileAttached(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	p := newPolicy(ns, "held", listPhotos)
	create(t, p)

	u := newUser(ns, "holder")
	u.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{{PolicyRef: &xpv1.NamespacedReference{Name: p.Name}}}
	create(t, u)
	waitAvailable(t, u)

	if err := kube.Delete(ctx, p); err != nil {
		t.Fatal(err)
	}

	waitCondition(t, p, xpv1.TypeSynced, corev1.ConditionFalse, `is attached to User "`+ns+`/holder"`)

	if err := kube.Delete(ctx, u); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, kube, u)
	await.Gone(t, kube, p)
}

// TestUserKeptWhileBucketExists deletes Users before their bucket. It checks that a User
// stays and its key works as long as the Bucket exists, unless whenBucketsRemain is
// Remove.
func TestUserKeptWhileBucketExists(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "stays")
	create(t, b)

	u := newUser(ns, "stays", miniov1alpha1.Grant{BucketName: b.Name})
	other := newUser(ns, "goes", miniov1alpha1.Grant{BucketName: b.Name})
	other.Spec.ForProvider.WhenBucketsRemain = miniov1alpha1.WhenBucketsRemainRemove

	create(t, u)
	create(t, other)
	waitAvailable(t, b)
	waitAvailable(t, u)
	waitAvailable(t, other)

	s3 := userClient(t, u)

	for _, u := range []*miniov1alpha1.User{u, other} {
		if err := kube.Delete(ctx, u.DeepCopy()); err != nil {
			t.Fatal(err)
		}
	}

	waitCondition(t, u, xpv1.TypeSynced, corev1.ConditionFalse, `is kept while it has access to Bucket "`+ns+"/"+b.Name)
	await.Gone(t, kube, other)

	if _, err := list(ctx, s3, b.Name); err != nil {
		t.Errorf("the key does not work: %v", err)
	}

	if err := kube.Delete(ctx, b); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, kube, u)
}

// TestUserValidation checks that the API server rejects invalid Users with messages that
// name what is wrong.
func TestUserValidation(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)

	for name, tc := range map[string]struct{ forProvider, text string }{
		"GrantWithoutBucket": {"{grants: [{access: ReadOnly}]}", "one of bucketName, bucketRef and bucketSelector"},
		"PatternAsBucket":    {"{grants: [{bucketName: 'a*b'}]}", "grants[0].bucketName"},
		"PatternAsPrefix":    {"{grants: [{bucketName: abc, prefix: '*'}]}", "grants[0].prefix"},
		"Variable":           {"{grants: [{bucketName: abc, prefix: '${aws:username}/'}]}", "grants[0].prefix"},
		"UnknownAccess":      {"{grants: [{bucketName: abc, access: Everything}]}", "access"},
		"PolicyWithoutName":  {"{policies: [{}]}", "one of policyName, policyRef and policySelector"},
		"TwoPolicies":        {"{policies: [{policyName: 'a,b'}]}", "policyName"},
		"ShortInterval":      {"{rotation: {interval: 1s, overlap: 0s}}", "interval must be at least 1m"},
		"LongOverlap":        {"{rotation: {interval: 1h}}", "overlap, 24h unless it is set, cannot be longer than interval"},
	} {
		t.Run(name, func(t *testing.T) {
			wantKubectlError(t,
				"{apiVersion: minio.cistern.dev/v1alpha1, kind: User, metadata: {name: invalid}, spec: {forProvider: "+tc.forProvider+"}}",
				[]string{"apply", "--namespace", ns, "-f", "-"}, tc.text)
		})
	}
}
