//go:build e2e

package component

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// purgedLifecycle deletes a bucket together with its objects, in a single forced call.
func purgedLifecycle(t *testing.T) lifecycle {
	t.Helper()

	before := inventory(t)
	b := newBucket(newNamespace(t), "purged")
	b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge

	remove := deletion(t, b, before, "DELETE bucket", "PUT buckets")
	deleteNow := remove.start
	remove.start = func(t *testing.T) {
		t.Helper()
		putObject(t, b.Name)
		deleteNow(t)
	}

	return lifecycle{mg: b, phases: []phase{
		{
			name:   "Create",
			start:  func(t *testing.T) { t.Helper(); create(t, b) },
			done:   func() error { return errors.Join(settled(t.Context(), b), gained(t, before, 1, 0, 0, 0)) },
			writes: []string{"PUT bucket"},
		},
		remove,
	}}
}

// putObject writes an object into a bucket.
func putObject(t *testing.T, bucket string) {
	t.Helper()

	const text = "some text"

	_, err := env.Server.S3.PutObject(t.Context(), bucket, "object", strings.NewReader(text), int64(len(text)), miniogo.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// adoptedBucketLifecycle adopts a bucket that the provider did not create.
func adoptedBucketLifecycle(t *testing.T) lifecycle {
	t.Helper()

	before := inventory(t)
	b := newBucket(newNamespace(t), "adopted")
	b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningEnabled)
	meta.SetExternalName(b, b.Name+"-before")

	return lifecycle{mg: b, phases: []phase{
		{
			name: "Adopt",
			start: func(t *testing.T) {
				t.Helper()

				if err := env.Server.S3.MakeBucket(t.Context(), meta.GetExternalName(b), miniogo.MakeBucketOptions{}); err != nil {
					t.Fatal(err)
				}

				create(t, b)
			},
			done: func() error {
				if err := settled(t.Context(), b); err != nil {
					return err
				}

				v, err := env.Server.S3.GetBucketVersioning(t.Context(), meta.GetExternalName(b))
				if err == nil && !v.Enabled() {
					err = fmt.Errorf("versioning is %q", v.Status)
				}

				return errors.Join(err, gained(t, before, 1, 0, 0, 0))
			},
			writes: []string{"PUT bucket?versioning", "PUT buckets", "PUT buckets/status"},
		},
		deletion(t, b, before, "DELETE bucket", "PUT buckets"),
	}}
}

// adoptedUserLifecycle adopts a user that the provider did not create, and replaces its
// key.
func adoptedUserLifecycle(t *testing.T) lifecycle {
	t.Helper()

	ns, home := newHome(t)
	before := inventory(t)
	u := newUser(ns, "adopted", miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
	meta.SetExternalName(u, ns+"-u")

	previous := miniov1alpha1.Connection{
		Endpoint: env.Endpoint, Region: region, BucketName: home,
		AccessKeyID: ns + "-u", SecretAccessKey: "the-previous-secret-key",
	}

	return lifecycle{mg: u, phases: []phase{
		{
			name: "Adopt",
			start: func(t *testing.T) {
				t.Helper()

				if err := env.Server.AddUser(t.Context(), previous.AccessKeyID, previous.SecretAccessKey); err != nil {
					t.Fatal(err)
				}

				create(t, u)
			},
			done: func() error {
				return errors.Join(usable(t, u), revoked(t.Context(), previous), gained(t, before, 0, 1, 0, 1))
			},
			writes: []string{
				"add-canned-policy", "set-user-or-group-policy", "add-user", "POST secrets", "PUT users", "PUT users/status",
			},
		},
		deletion(t, u, before, "remove-user", "remove-canned-policy", "PUT users"),
	}}
}

// usable returns an error unless a User is settled and its published key works.
func usable(t *testing.T, u *miniov1alpha1.User) error {
	t.Helper()

	if err := settled(t.Context(), u); err != nil {
		return err
	}

	c, err := connection(t.Context(), u)
	if err != nil {
		return err
	}

	return works(t.Context(), c)
}

// changedUserLifecycle changes a user's grants and policies, and disables the user for a
// while.
func changedUserLifecycle(t *testing.T) lifecycle {
	t.Helper()

	ns, home := newHome(t)
	before := inventory(t)
	u := newUser(ns, "changed", miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})

	holds := func(policies int) error {
		info, err := env.Server.GetUserInfo(t.Context(), meta.GetExternalName(u))
		if err != nil {
			return err
		}

		if names := strings.Split(info.PolicyName, ","); len(names) != policies || (policies > 1 && !slices.Contains(names, "diagnostics")) {
			return fmt.Errorf("want %d policies, got %v", policies, names)
		}

		return nil
	}
	done := func(policies int) func() error {
		return func() error {
			if err := usable(t, u); err != nil {
				return err
			}

			return errors.Join(holds(policies), gained(t, before, 0, 1, 0, 1))
		}
	}
	change := func(f func(*miniov1alpha1.User)) func(t *testing.T) {
		return func(t *testing.T) {
			t.Helper()
			await.Change(t, env.Kube, u, f)
		}
	}

	return lifecycle{mg: u, phases: []phase{
		{
			name:   "Create",
			start:  func(t *testing.T) { t.Helper(); create(t, u) },
			done:   done(1),
			writes: []string{"add-user"},
		},
		{
			name: "Change",
			start: change(func(u *miniov1alpha1.User) {
				u.Spec.ForProvider.Grants = append(u.Spec.ForProvider.Grants,
					miniov1alpha1.Grant{BucketName: home + "-2", Access: miniov1alpha1.AccessReadOnly})
				u.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{{PolicyName: "diagnostics"}}
			}),
			done:   done(2),
			writes: []string{"add-canned-policy", "set-user-or-group-policy"},
		},
		{
			name:   "Disable",
			start:  change(func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = new(false) }),
			done:   func() error { return disabled(t, u) },
			writes: []string{"set-user-status", "PUT users/status"},
		},
		{
			name:   "Enable",
			start:  change(func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = nil }),
			done:   done(2),
			writes: []string{"set-user-status", "PUT users/status"},
		},
		deletion(t, u, before, "remove-user", "remove-canned-policy", "PUT users"),
	}}
}

// disabled returns an error unless a user is disabled on the server and in the User's
// status.
func disabled(t *testing.T, u *miniov1alpha1.User) error {
	t.Helper()

	if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
		return err
	}

	ready, synced := u.GetCondition(xpv1.TypeReady), u.GetCondition(xpv1.TypeSynced)
	if ready.Reason != miniov1alpha1.ReasonDisabled ||
		synced.Status != corev1.ConditionTrue || synced.ObservedGeneration != u.GetGeneration() {
		return fmt.Errorf("Ready is %s: %s; Synced is %s: %s", ready.Status, ready.Reason, synced.Status, synced.Message)
	}

	info, err := env.Server.GetUserInfo(t.Context(), meta.GetExternalName(u))
	if err == nil && info.Status != madmin.AccountDisabled {
		err = fmt.Errorf("on the server the user is %s", info.Status)
	}

	return err
}
