//go:build e2e

package component

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestReferencesKeepEachOther adds a policy by reference to a User whose grant is a reference,
// and the reverse, as kubectl patch does. Neither may remove the other.
func TestReferencesKeepEachOther(t *testing.T) {
	startProvider(t, "--poll-interval=1s")

	ns := newNamespace(t)
	b := newBucket(ns, "referenced")
	deny := &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: ns + "-deny", Namespace: ns}}
	deny.Spec.ForProvider.Document = `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Deny","Action":["s3:DeleteObject"],"Resource":["arn:aws:s3:::` + b.Name + `/*"]}]}`
	grant := miniov1alpha1.Grant{BucketRef: &xpv1.NamespacedReference{Name: b.Name}, Access: miniov1alpha1.AccessReadWrite}
	attachment := miniov1alpha1.PolicyAttachment{PolicyRef: &xpv1.NamespacedReference{Name: deny.Name}}

	granted, denied := newUser(ns, "granted", grant), newUser(ns, "denied")
	denied.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{attachment}

	cases := map[string]struct {
		user *miniov1alpha1.User
		add  string
	}{
		"PolicyToGrant": {user: granted, add: `{"spec":{"forProvider":{"policies":[{"policyRef":{"name":"` + deny.Name + `"}}]}}}`},
		"GrantToPolicy": {user: denied, add: `{"spec":{"forProvider":{"grants":[{"bucketRef":{"name":"` + b.Name + `"}}]}}}`},
	}

	for _, mg := range []resource.Managed{b, deny, granted, denied} {
		create(t, mg)
	}

	awaitSettled(t, []resource.Managed{b, deny, granted, denied})

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u, before := tc.user, tc.user.GetGeneration()
			if err := env.Kube.Patch(t.Context(), u, client.RawPatch(types.MergePatchType, []byte(tc.add))); err != nil {
				t.Fatal(err)
			}

			want := u.DeepCopy().Spec.ForProvider
			want.Grants, want.Policies = []miniov1alpha1.Grant{grant}, []miniov1alpha1.PolicyAttachment{attachment}

			awaitSettled(t, []resource.Managed{u})
			await.For(t, "the grant and the policy to be in force", func() error { return writesWithoutDeletion(t, u, b.Name, deny.Name) })
			awaitSettled(t, []resource.Managed{u})

			if diff := cmp.Diff(want, u.Spec.ForProvider); diff != "" {
				t.Errorf("-want, +spec.forProvider:\n%s", diff)
			}

			if got := u.GetGeneration(); got != before+1 {
				t.Errorf("want generation %d, got %d", before+1, got)
			}
		})
	}

	// The Policy goes before the Users that refer to it, and the Users before the Bucket.
	for _, mg := range []resource.Managed{deny, b, granted, denied} {
		if err := env.Kube.Delete(t.Context(), mg); err != nil {
			t.Error(err)
		}
	}

	for _, mg := range []resource.Managed{granted, denied, deny, b} {
		await.Gone(t, env.Kube, mg)
	}
}

// writesWithoutDeletion returns an error unless a User may write to a bucket, and a policy
// that is attached to it denies it to delete.
func writesWithoutDeletion(t *testing.T, u *miniov1alpha1.User, bucket, policy string) error {
	t.Helper()

	info, err := env.Server.GetUserInfo(t.Context(), u.Status.AtProvider.AccessKeyID)
	if err != nil {
		return err
	}

	if !slices.Contains(strings.Split(info.PolicyName, ","), policy) {
		return fmt.Errorf("want policy %s, got %s", policy, info.PolicyName)
	}

	s, err := secretOf(t, u)
	if err != nil {
		return err
	}

	s3, err := env.Server.Client(u.Status.AtProvider.AccessKeyID, s)
	if err != nil {
		return err
	}

	if _, err := s3.PutObject(t.Context(), bucket, "kept/", strings.NewReader(""), 0, miniogo.PutObjectOptions{}); err != nil {
		return fmt.Errorf("want it to be allowed to write: %w", err)
	}

	err = s3.RemoveObject(t.Context(), bucket, "kept/", miniogo.RemoveObjectOptions{})
	if code := miniogo.ToErrorResponse(err).Code; code != miniogo.AccessDenied {
		return fmt.Errorf("want it to be denied to delete, got %w", err)
	}

	return env.Server.S3.RemoveObject(t.Context(), bucket, "kept/", miniogo.RemoveObjectOptions{})
}

// TestReferencesOutliveTheirTargets removes the Policy and the Bucket that a User refers to.
// The User keeps working with their names, and can be deleted.
func TestReferencesOutliveTheirTargets(t *testing.T) {
	startProvider(t, "--poll-interval=1s")

	ns, home := newHome(t)
	p := &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: ns + "-gone", Namespace: ns, Labels: map[string]string{"gone": "1"}}}
	p.Spec.ForProvider.Document = policyDocument("s3:GetObject")
	// Their deletion keeps what is on the server.
	p.Spec.ManagementPolicies = withoutDelete
	b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "gone", Namespace: ns, Annotations: map[string]string{
		"crossplane.io/external-name": home,
	}}}
	b.Spec.ManagementPolicies = withoutDelete

	u := newUser(ns, "left", miniov1alpha1.Grant{BucketRef: &xpv1.NamespacedReference{Name: b.Name}})
	u.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{{PolicySelector: &xpv1.NamespacedSelector{MatchLabels: p.Labels}}}

	for _, mg := range []resource.Managed{p, b, u} {
		create(t, mg)
	}

	awaitSettled(t, []resource.Managed{p, b, u})

	for _, mg := range []resource.Managed{p, b} {
		if err := env.Kube.Delete(t.Context(), mg); err != nil {
			t.Fatal(err)
		}

		await.Gone(t, env.Kube, mg)
	}

	await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) {
		u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}}
	})
	await.For(t, "the key to be rotated", func() error {
		if err := settled(t.Context(), u); err != nil {
			return err
		}

		if s := u.Status.AtProvider; s.Generation != 1 || len(s.RetiringKeys) > 0 {
			return fmt.Errorf("generation %d, retiring %v", s.Generation, s.RetiringKeys)
		}

		return grantWorks(t, u, home)
	})

	if err := env.Kube.Delete(t.Context(), u); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, env.Kube, u)
}

// referringUserLifecycle refers to a Bucket, then to a Policy as well, and deletes the User after
// both. No provider works on these two, which are in another namespace.
func referringUserLifecycle(t *testing.T) lifecycle {
	t.Helper()

	ns, home := newHome(t)
	elsewhere := newNamespace(t)
	b := paused(&miniov1alpha1.Bucket{}, elsewhere, home)
	p := paused(&miniov1alpha1.Policy{}, elsewhere, "diagnostics")
	p.Spec.ForProvider.Document = policyDocument("s3:GetObject")

	create(t, b)
	create(t, p)

	before := inventory(t)
	u := newUser(ns, "referring", miniov1alpha1.Grant{BucketRef: &xpv1.NamespacedReference{Namespace: elsewhere, Name: b.Name}})

	done := func(policies ...string) func() error {
		return func() error {
			if err := settled(t.Context(), u); err != nil {
				return err
			}

			info, err := env.Server.GetUserInfo(t.Context(), meta.GetExternalName(u))
			if err != nil {
				return err
			}

			if got := strings.Split(info.PolicyName, ","); len(got) != 1+len(policies) {
				return fmt.Errorf("want %v besides its own policy, got %v", policies, got)
			}

			return errors.Join(grantWorks(t, u, home), gained(t, before, 0, 1, 0, 1))
		}
	}
	remove := deletion(t, u, before, "remove-user", "remove-canned-policy", "PATCH users")
	removeUser := remove.start
	remove.start = func(t *testing.T) {
		t.Helper()

		if err := errors.Join(env.Kube.Delete(t.Context(), b), env.Kube.Delete(t.Context(), p)); err != nil {
			t.Fatal(err)
		}

		removeUser(t)
	}

	return lifecycle{mg: u, phases: []phase{
		{
			name:   "Create",
			start:  func(t *testing.T) { t.Helper(); create(t, u) },
			done:   done(),
			writes: []string{"add-user", "PATCH users"},
		},
		{
			name: "Change",
			start: func(t *testing.T) {
				t.Helper()
				await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) {
					u.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{
						{PolicyRef: &xpv1.NamespacedReference{Namespace: elsewhere, Name: p.Name}},
					}
				})
			},
			done:   done(p.Name),
			writes: []string{"PATCH users", "set-user-or-group-policy"},
		},
		remove,
	}}
}

// paused makes a resource stand for what exists on the server under its name.
func paused[T resource.Managed](mg T, namespace, name string) T {
	mg.SetNamespace(namespace)
	mg.SetName(name)
	mg.SetAnnotations(map[string]string{meta.AnnotationKeyReconciliationPaused: "true"})
	meta.SetExternalName(mg, name)

	return mg
}

// grantWorks returns an error unless the key that a User publishes works in a bucket.
func grantWorks(t *testing.T, u *miniov1alpha1.User, bucket string) error {
	t.Helper()

	s, err := secretOf(t, u)
	if err != nil {
		return err
	}

	return works(t.Context(), miniov1alpha1.Connection{
		AccessKeyID: u.Status.AtProvider.AccessKeyID, SecretAccessKey: s, BucketName: bucket,
	})
}

// withoutDelete allows everything except deletion.
var withoutDelete = xpv1.ManagementPolicies{
	xpv1.ManagementActionObserve, xpv1.ManagementActionCreate, xpv1.ManagementActionUpdate, xpv1.ManagementActionLateInitialize,
}

// secretOf returns the secret key that a User publishes.
func secretOf(t *testing.T, u *miniov1alpha1.User) (string, error) {
	t.Helper()

	s := &corev1.Secret{}
	err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(u), s)

	return string(s.Data[miniov1alpha1.ConnectionKeySecretAccessKey]), err
}
