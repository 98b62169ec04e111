//go:build e2e

package component

import (
	"bytes"
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

// purgedLife removes a bucket with what is in it, in the one forced call.
func purgedLife(t *testing.T) life {
	t.Helper()

	before := inventory(t)
	b := newBucket(newNamespace(t), "purged")
	b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge

	remove := deletion(t, b, before, "DELETE bucket", "PUT buckets")
	deleteNow := remove.begin
	remove.begin = func(t *testing.T) {
		t.Helper()
		put(t, b.Name)
		deleteNow(t)
	}

	return life{mg: b, phases: []phase{
		{
			name:    "Create",
			begin:   func(t *testing.T) { t.Helper(); create(t, b) },
			over:    func() error { return errors.Join(settled(t.Context(), b), gained(t, before, 1, 0, 0, 0)) },
			through: []string{"PUT bucket"},
		},
		remove,
	}}
}

// put puts an object into a bucket.
func put(t *testing.T, bucket string) {
	t.Helper()

	const text = "some text"
	if _, err := bed.Server.S3.PutObject(t.Context(), bucket, "object", bytes.NewReader([]byte(text)), int64(len(text)), miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}

// adoptedBucketLife takes over a bucket that somebody made.
func adoptedBucketLife(t *testing.T) life {
	t.Helper()

	before := inventory(t)
	b := newBucket(newNamespace(t), "adopted")
	b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningEnabled)
	meta.SetExternalName(b, b.Name+"-before")

	return life{mg: b, phases: []phase{
		{
			name: "Adopt",
			begin: func(t *testing.T) {
				t.Helper()

				if err := bed.Server.S3.MakeBucket(t.Context(), meta.GetExternalName(b), miniogo.MakeBucketOptions{}); err != nil {
					t.Fatal(err)
				}

				create(t, b)
			},
			over: func() error {
				if err := settled(t.Context(), b); err != nil {
					return err
				}

				v, err := bed.Server.S3.GetBucketVersioning(t.Context(), meta.GetExternalName(b))
				if err == nil && !v.Enabled() {
					err = fmt.Errorf("versioning is %q", v.Status)
				}

				return errors.Join(err, gained(t, before, 1, 0, 0, 0))
			},
			through: []string{"PUT bucket?versioning", "PUT buckets", "PUT buckets/status"},
		},
		deletion(t, b, before, "DELETE bucket", "PUT buckets"),
	}}
}

// adoptedUserLife takes over a user that somebody made, who gets another key.
func adoptedUserLife(t *testing.T) life {
	t.Helper()

	ns, home := newHome(t)
	before := inventory(t)
	u := newUser(ns, "adopted", miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
	meta.SetExternalName(u, ns+"-u")

	last := miniov1alpha1.Connection{Endpoint: bed.Endpoint, Region: region, BucketName: home, AccessKeyID: ns + "-u", SecretAccessKey: "a-secret-key-of-before"}

	return life{mg: u, phases: []phase{
		{
			name: "Adopt",
			begin: func(t *testing.T) {
				t.Helper()

				if err := bed.Server.AddUser(t.Context(), last.AccessKeyID, last.SecretAccessKey); err != nil {
					t.Fatal(err)
				}

				create(t, u)
			},
			over: func() error {
				return errors.Join(lets(t, u), dead(t.Context(), last), gained(t, before, 0, 1, 0, 1))
			},
			through: []string{"add-canned-policy", "set-user-or-group-policy", "add-user", "POST secrets", "PUT users", "PUT users/status"},
		},
		deletion(t, u, before, "remove-user", "remove-canned-policy", "PUT users"),
	}}
}

// lets returns an error unless a User is ready and its published key works.
func lets(t *testing.T, u *miniov1alpha1.User) error {
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

// changedUserLife changes what a user may do, and keeps it out for a while.
func changedUserLife(t *testing.T) life {
	t.Helper()

	ns, home := newHome(t)
	before := inventory(t)
	u := newUser(ns, "changed", miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})

	holds := func(policies int) error {
		info, err := bed.Server.GetUserInfo(t.Context(), meta.GetExternalName(u))
		if err != nil {
			return err
		}

		if names := strings.Split(info.PolicyName, ","); len(names) != policies || (policies > 1 && !slices.Contains(names, "diagnostics")) {
			return fmt.Errorf("want %d policies, got %v", policies, names)
		}

		return nil
	}
	over := func(policies int) func() error {
		return func() error {
			if err := lets(t, u); err != nil {
				return err
			}

			return errors.Join(holds(policies), gained(t, before, 0, 1, 0, 1))
		}
	}
	change := func(f func(*miniov1alpha1.User)) func(t *testing.T) {
		return func(t *testing.T) {
			t.Helper()
			await.Change(t, bed.Kube, u, f)
		}
	}

	return life{mg: u, phases: []phase{
		{
			name:    "Create",
			begin:   func(t *testing.T) { t.Helper(); create(t, u) },
			over:    over(1),
			through: []string{"add-user"},
		},
		{
			name: "Change",
			begin: change(func(u *miniov1alpha1.User) {
				u.Spec.ForProvider.Grants = append(u.Spec.ForProvider.Grants, miniov1alpha1.Grant{BucketName: home + "-2", Access: miniov1alpha1.AccessReadOnly})
				u.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{{PolicyName: "diagnostics"}}
			}),
			over:    over(2),
			through: []string{"add-canned-policy", "set-user-or-group-policy"},
		},
		{
			name:    "Disable",
			begin:   change(func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = new(false) }),
			over:    func() error { return disabled(t, u) },
			through: []string{"set-user-status", "PUT users/status"},
		},
		{
			name:    "Enable",
			begin:   change(func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = nil }),
			over:    over(2),
			through: []string{"set-user-status", "PUT users/status"},
		},
		deletion(t, u, before, "remove-user", "remove-canned-policy", "PUT users"),
	}}
}

// disabled returns an error unless a user is kept out, and its resource says so.
func disabled(t *testing.T, u *miniov1alpha1.User) error {
	t.Helper()

	if err := bed.Kube.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
		return err
	}

	ready, synced := u.GetCondition(xpv1.TypeReady), u.GetCondition(xpv1.TypeSynced)
	if ready.Reason != miniov1alpha1.ReasonDisabled || synced.Status != corev1.ConditionTrue || synced.ObservedGeneration != u.GetGeneration() {
		return fmt.Errorf("Ready is %s: %s; Synced is %s: %s", ready.Status, ready.Reason, synced.Status, synced.Message)
	}

	info, err := bed.Server.GetUserInfo(t.Context(), meta.GetExternalName(u))
	if err == nil && info.Status != madmin.AccountDisabled {
		err = fmt.Errorf("on the server the user is %s", info.Status)
	}

	return err
}
