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

// lifecycles are the lifecycles of TestCrashAtEveryWrite. Each call returns a new
// resource.
var lifecycles = map[string]func(t *testing.T) lifecycle{
	"Bucket":             bucketLifecycle,
	"BucketWithSettings": settingsLifecycle,
	"PurgedBucket":       purgedLifecycle,
	"AdoptedBucket":      adoptedBucketLifecycle,
	"User":               userLifecycle,
	"ChangedUser":        changedUserLifecycle,
	"AdoptedUser":        adoptedUserLifecycle,
	"ReferringUser":      referringUserLifecycle,
	"Policy":             policyLifecycle,
}

// gained returns an error unless the server has exactly this many more of each than
// before.
func gained(t *testing.T, before Inventory, buckets, users, accessKeys, policies int) error {
	t.Helper()

	now, err := env.Server.Inventory(t.Context())
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

// deletion returns the last phase of every lifecycle, after which nothing is left.
func deletion(t *testing.T, mg resource.Managed, before Inventory, writes ...string) phase {
	t.Helper()

	return phase{
		name: "Delete",
		start: func(t *testing.T) {
			t.Helper()

			if err := env.Kube.Delete(t.Context(), mg); err != nil {
				t.Fatal(err)
			}
		},
		done: func() error {
			if err := gone(t.Context(), mg); err != nil {
				return err
			}

			return errors.Join(namespaceEmpty(t.Context(), mg.GetNamespace()), gained(t, before, 0, 0, 0, 0))
		},
		writes: writes,
	}
}

func bucketLifecycle(t *testing.T) lifecycle {
	t.Helper()

	before := inventory(t)
	b := newBucket(newNamespace(t), "crash")
	b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningEnabled)

	done := func() error {
		if err := settled(t.Context(), b); err != nil {
			return err
		}

		v, err := env.Server.S3.GetBucketVersioning(t.Context(), b.Name)
		if want := string(*b.Spec.ForProvider.Versioning); err == nil && v.Status != want {
			err = fmt.Errorf("versioning: want %s, got %q", want, v.Status)
		}

		return errors.Join(err, gained(t, before, 1, 0, 0, 0))
	}

	return lifecycle{mg: b, phases: []phase{
		{
			name:   "Create",
			start:  func(t *testing.T) { t.Helper(); create(t, b) },
			done:   done,
			writes: []string{"PUT bucket", "PUT bucket?versioning", "PATCH buckets", "PUT buckets/status"},
		},
		{
			name: "Change",
			start: func(t *testing.T) {
				t.Helper()
				await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) {
					b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningSuspended)
				})
			},
			done:   done,
			writes: []string{"PUT bucket?versioning"},
		},
		deletion(t, b, before, "DELETE bucket", "PATCH buckets"),
	}}
}

// userLifecycle rotates the key twice: from the user's own key to an access key, and
// from that to another access key.
func userLifecycle(t *testing.T) lifecycle {
	t.Helper()

	ns := newNamespace(t)
	bucket := ns + "-home"

	if err := env.Server.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}

	before := inventory(t)
	u := newUser(ns, "crash", miniov1alpha1.Grant{BucketName: bucket, Access: miniov1alpha1.AccessReadWrite})

	var previous miniov1alpha1.Connection

	done := func(generation int64) func() error {
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

	rotate := func(generation int64, writes ...string) phase {
		return phase{
			name: fmt.Sprintf("Rotate%d", generation),
			start: func(t *testing.T) {
				t.Helper()

				var err error
				if previous, err = connection(t.Context(), u); err != nil {
					t.Fatal(err)
				}

				rotateNow(t, u, miniov1alpha1.Rotation{Trigger: fmt.Sprint(generation), Overlap: &metav1.Duration{}})
			},
			done:   func() error { return errors.Join(done(generation)(), revoked(t.Context(), previous)) },
			writes: writes,
		}
	}

	return lifecycle{mg: u, phases: []phase{
		{
			name:  "Create",
			start: func(t *testing.T) { t.Helper(); create(t, u) },
			done:  done(0),
			writes: []string{
				"add-canned-policy", "add-user", "set-user-or-group-policy", "PATCH users", "POST secrets", "PUT users/status",
			},
		},
		rotate(1, "PUT users/status", "add-service-account", "PUT secrets", "add-user"),
		rotate(2, "PUT users/status", "add-service-account", "PUT secrets", "delete-service-account"),
		deletion(t, u, before, "remove-user", "remove-canned-policy", "PATCH users"),
	}}
}

func policyLifecycle(t *testing.T) lifecycle {
	t.Helper()

	before := inventory(t)
	ns := newNamespace(t)
	p := &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: ns + "-crash", Namespace: ns}}
	p.Spec.ForProvider.Document = policyDocument("s3:GetObject")

	done := func() error {
		if err := settled(t.Context(), p); err != nil {
			return err
		}

		got, err := env.Server.InfoCannedPolicyV2(t.Context(), p.Name)
		if err == nil {
			err = samePolicy(p.Spec.ForProvider.Document, got.Policy)
		}

		return errors.Join(err, gained(t, before, 0, 0, 0, 1))
	}

	return lifecycle{mg: p, phases: []phase{
		{
			name:   "Create",
			start:  func(t *testing.T) { t.Helper(); create(t, p) },
			done:   done,
			writes: []string{"add-canned-policy", "PATCH policies", "PUT policies/status"},
		},
		{
			name: "Change",
			start: func(t *testing.T) {
				t.Helper()
				await.Change(t, env.Kube, p, func(p *miniov1alpha1.Policy) {
					p.Spec.ForProvider.Document = policyDocument("s3:PutObject")
				})
			},
			done:   done,
			writes: []string{"add-canned-policy"},
		},
		deletion(t, p, before, "remove-canned-policy", "PATCH policies"),
	}}
}

// policyDocument returns a policy document that has every field that MinIO adds.
func policyDocument(action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + action + `"],"Resource":["arn:aws:s3:::photos/*"]}]}`
}

// samePolicy returns an error unless two policy documents are equal as JSON.
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
