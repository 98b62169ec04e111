//go:build e2e

package component

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestSecretHeals damages what Users publish, of the user's own key as of a
// later one: the next poll publishes a key that works, and what worked before is
// of no use to whoever kept it.
func TestSecretHeals(t *testing.T) {
	startProvider(t, "--poll-interval=1s")

	ns, home := newHome(t)

	// edit replaces the whole Secret by what another key would look like.
	edit := func(f func(c *miniov1alpha1.Connection)) func(u *miniov1alpha1.User, last miniov1alpha1.Connection) error {
		return func(u *miniov1alpha1.User, last miniov1alpha1.Connection) error {
			f(&last)

			s := &corev1.Secret{}
			if err := bed.Kube.Get(t.Context(), client.ObjectKeyFromObject(u), s); err != nil {
				return err
			}

			s.Data = last.Details()

			return bed.Kube.Update(t.Context(), s)
		}
	}

	damages := map[string]struct {
		reason string
		damage func(u *miniov1alpha1.User, last miniov1alpha1.Connection) error
	}{
		"Deleted": {
			reason: "A key that nobody knows any more is replaced.",
			damage: func(u *miniov1alpha1.User, _ miniov1alpha1.Connection) error {
				return bed.Kube.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: u.Name}})
			},
		},
		"SecretKeyEdited": {
			reason: "A secret key that does not work is replaced.",
			damage: edit(func(c *miniov1alpha1.Connection) { c.SecretAccessKey = "not-what-the-server-knows" }),
		},
		"AccessKeyEdited": {
			reason: "So is one under the ID of somebody else.",
			damage: edit(func(c *miniov1alpha1.Connection) { c.AccessKeyID = "SOMEBODYELSE" }),
		},
		"Emptied": {
			reason: "A Secret that holds nothing is as good as none.",
			damage: func(u *miniov1alpha1.User, _ miniov1alpha1.Connection) error {
				return bed.Kube.Patch(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: u.Name}},
					client.RawPatch("application/merge-patch+json", []byte(`{"data":null}`)))
			},
		},
	}

	for generation := range 2 {
		for name, tc := range damages {
			t.Run(fmt.Sprintf("Generation%d%s", generation, name), func(t *testing.T) {
				t.Parallel()

				u := newUser(ns, fmt.Sprintf("heals-%d-%s", generation, strings.ToLower(name)), miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
				create(t, u)

				last := awaitKey(t, u, 0)

				if generation > 0 {
					await.Change(t, bed.Kube, u, func(u *miniov1alpha1.User) {
						u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}}
					})

					last = awaitKey(t, u, 1)
				}

				if err := tc.damage(u, last); err != nil {
					t.Fatal(err)
				}

				await.For(t, "the key to work again", func() error {
					if err := settled(t.Context(), u); err != nil {
						return err
					}

					c, err := connection(t.Context(), u)
					if err != nil {
						return err
					}

					// A reconcile that had read the Secret before the damage was done
					// writes back what it read.
					if c == last {
						return works(t.Context(), c)
					}

					return errors.Join(works(t.Context(), c), dead(t.Context(), last))
				})
			})
		}
	}
}

// awaitKey waits until a User's key of a generation works and returns it.
func awaitKey(t *testing.T, u *miniov1alpha1.User, generation int64) miniov1alpha1.Connection {
	t.Helper()

	var c miniov1alpha1.Connection

	await.For(t, u.Name+" to have a key", func() error {
		if err := settled(t.Context(), u); err != nil {
			return err
		}

		if s := u.Status.AtProvider; s.Generation != generation || len(s.RetiringKeys) > 0 {
			return fmt.Errorf("generation %d, retiring %v", s.Generation, s.RetiringKeys)
		}

		var err error
		if c, err = connection(t.Context(), u); err != nil {
			return err
		}

		return works(t.Context(), c)
	})

	return c
}
