//go:build e2e

package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// lives are all that TestCrash goes through. Each call makes a new resource.
var lives = map[string]func(t *testing.T) life{
	"Bucket":             bucketLife,
	"BucketWithSettings": settingsLife,
	"PurgedBucket":       purgedLife,
	"AdoptedBucket":      adoptedBucketLife,
	"User":               userLife,
	"ChangedUser":        changedUserLife,
	"AdoptedUser":        adoptedUserLife,
	"Policy":             policyLife,
}

// gained returns an error unless the server has more than before exactly this
// many.
func gained(t *testing.T, before Inventory, buckets, users, accessKeys, policies int) error {
	t.Helper()

	now, err := bed.Server.Inventory(t.Context())
	if err != nil {
		return err
	}

	more := func(now, before []string) int {
		return len(slices.DeleteFunc(slices.Clone(now), func(s string) bool { return slices.Contains(before, s) })) -
			len(slices.DeleteFunc(slices.Clone(before), func(s string) bool { return slices.Contains(now, s) }))
	}

	got := []int{
		more(now.Buckets, before.Buckets), more(now.Users, before.Users),
		more(now.AccessKeys, before.AccessKeys), more(now.Policies, before.Policies),
	}
	if diff := cmp.Diff([]int{buckets, users, accessKeys, policies}, got); diff != "" {
		return fmt.Errorf("more buckets, users, access keys, policies than before: -want, +got:\n%s", diff)
	}

	return nil
}

// deletion is the last phase of every life: nothing is left.
func deletion(t *testing.T, mg resource.Managed, before Inventory, through ...string) phase {
	t.Helper()

	return phase{
		name: "Delete",
		begin: func(t *testing.T) {
			t.Helper()

			if err := bed.Kube.Delete(t.Context(), mg); err != nil {
				t.Fatal(err)
			}
		},
		over: func() error {
			if err := gone(t.Context(), mg); err != nil {
				return err
			}

			return errors.Join(empty(t.Context(), mg.GetNamespace()), gained(t, before, 0, 0, 0, 0))
		},
		through: through,
	}
}

func bucketLife(t *testing.T) life {
	t.Helper()

	before := inventory(t)
	b := newBucket(newNamespace(t), "crash")
	b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningEnabled)

	over := func() error {
		if err := settled(t.Context(), b); err != nil {
			return err
		}

		v, err := bed.Server.S3.GetBucketVersioning(t.Context(), b.Name)
		if want := string(*b.Spec.ForProvider.Versioning); err == nil && v.Status != want {
			err = fmt.Errorf("versioning: want %s, got %q", want, v.Status)
		}

		return errors.Join(err, gained(t, before, 1, 0, 0, 0))
	}

	return life{mg: b, phases: []phase{
		{
			name:    "Create",
			begin:   func(t *testing.T) { t.Helper(); create(t, b) },
			over:    over,
			through: []string{"PUT bucket", "PUT bucket?versioning", "PUT buckets", "PUT buckets/status"},
		},
		{
			name: "Change",
			begin: func(t *testing.T) {
				t.Helper()
				await.Change(t, bed.Kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningSuspended) })
			},
			over:    over,
			through: []string{"PUT bucket?versioning"},
		},
		deletion(t, b, before, "DELETE bucket", "PUT buckets"),
	}}
}

// userLife rotates the key twice: the first is the user's own, those that follow
// are not.
func userLife(t *testing.T) life {
	t.Helper()

	ns := newNamespace(t)
	bucket := ns + "-home"

	if err := bed.Server.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}

	before := inventory(t)
	u := newUser(ns, "crash", miniov1alpha1.Grant{BucketName: bucket, Access: miniov1alpha1.AccessReadWrite})

	var last miniov1alpha1.Connection

	over := func(generation int64) func() error {
		return func() error {
			if err := settled(t.Context(), u); err != nil {
				return err
			}

			if s := u.Status.AtProvider; s.Generation != generation || len(s.RetiringKeys) > 0 {
				return fmt.Errorf("generation %d, want %d; retiring: %v", s.Generation, generation, s.RetiringKeys)
			}

			c, err := connection(t.Context(), u)
			if err != nil {
				return err
			}

			return errors.Join(works(t.Context(), c), gained(t, before, 0, 1, int(min(generation, 1)), 1))
		}
	}

	rotate := func(generation int64, through ...string) phase {
		return phase{
			name: fmt.Sprintf("Rotate%d", generation),
			begin: func(t *testing.T) {
				t.Helper()

				var err error
				if last, err = connection(t.Context(), u); err != nil {
					t.Fatal(err)
				}

				rotateNow(t, u, miniov1alpha1.Rotation{Trigger: fmt.Sprint(generation), Overlap: &metav1.Duration{}})
			},
			over:    func() error { return errors.Join(over(generation)(), dead(t.Context(), last)) },
			through: through,
		}
	}

	return life{mg: u, phases: []phase{
		{
			name:    "Create",
			begin:   func(t *testing.T) { t.Helper(); create(t, u) },
			over:    over(0),
			through: []string{"add-canned-policy", "add-user", "set-user-or-group-policy", "PUT users", "POST secrets", "PUT users/status"},
		},
		rotate(1, "PUT users/status", "add-service-account", "PUT secrets", "add-user"),
		rotate(2, "PUT users/status", "add-service-account", "PUT secrets", "delete-service-account"),
		deletion(t, u, before, "remove-user", "remove-canned-policy", "PUT users"),
	}}
}

func policyLife(t *testing.T) life {
	t.Helper()

	before := inventory(t)
	ns := newNamespace(t)
	p := &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: ns + "-crash", Namespace: ns}}
	p.Spec.ForProvider.Document = policyDocument("s3:GetObject")

	over := func() error {
		if err := settled(t.Context(), p); err != nil {
			return err
		}

		got, err := bed.Server.InfoCannedPolicyV2(t.Context(), p.Name)
		if err == nil {
			err = samePolicy(p.Spec.ForProvider.Document, got.Policy)
		}

		return errors.Join(err, gained(t, before, 0, 0, 0, 1))
	}

	return life{mg: p, phases: []phase{
		{
			name:    "Create",
			begin:   func(t *testing.T) { t.Helper(); create(t, p) },
			over:    over,
			through: []string{"add-canned-policy", "PUT policies", "PUT policies/status"},
		},
		{
			name: "Change",
			begin: func(t *testing.T) {
				t.Helper()
				await.Change(t, bed.Kube, p, func(p *miniov1alpha1.Policy) { p.Spec.ForProvider.Document = policyDocument("s3:PutObject") })
			},
			over:    over,
			through: []string{"add-canned-policy"},
		},
		deletion(t, p, before, "remove-canned-policy", "PUT policies"),
	}}
}

// policyDocument returns a policy with every field that MinIO writes.
func policyDocument(action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + action + `"],"Resource":["arn:aws:s3:::photos/*"]}]}`
}

func samePolicy(want string, got []byte) error {
	var w, g any
	if err := errors.Join(json.Unmarshal([]byte(want), &w), json.Unmarshal(got, &g)); err != nil {
		return err
	}

	if diff := cmp.Diff(w, g); diff != "" {
		return fmt.Errorf("policy: -want, +got:\n%s", diff)
	}

	return nil
}
