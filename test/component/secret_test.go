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

// TestDamagedSecretIsReplaced damages the connection Secrets of Users, with the user's own
// key and with a rotated one. The next poll must publish a working key and revoke the
// previous one, which a third party may have copied.
func TestDamagedSecretIsReplaced(t *testing.T) {
	startProvider(t, "--poll-interval=1s")

	ns, home := newHome(t)

	// edit replaces the Secret by a consistent one for another key.
	edit := func(f func(c *miniov1alpha1.Connection)) func(u *miniov1alpha1.User, published miniov1alpha1.Connection) error {
		return func(u *miniov1alpha1.User, published miniov1alpha1.Connection) error {
			f(&published)

			s := &corev1.Secret{}
			if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(u), s); err != nil {
				return err
			}

			s.Data = published.Details()

			return env.Kube.Update(t.Context(), s)
		}
	}

	damages := map[string]struct {
		reason string
		damage func(u *miniov1alpha1.User, published miniov1alpha1.Connection) error
	}{
		"Deleted": {
			reason: "The secret key of a deleted Secret cannot be recovered, so it is replaced.",
			damage: func(u *miniov1alpha1.User, _ miniov1alpha1.Connection) error {
				return env.Kube.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: u.Name}})
			},
		},
		"SecretKeyEdited": {
			reason: "A secret key that the server rejects is replaced.",
			damage: edit(func(c *miniov1alpha1.Connection) { c.SecretAccessKey = "not-the-key-on-the-server" }),
		},
		"AccessKeyEdited": {
			reason: "A key under the ID of another user is replaced.",
			damage: edit(func(c *miniov1alpha1.Connection) { c.AccessKeyID = "ANOTHERUSER" }),
		},
		"Emptied": {
			reason: "An empty Secret is handled like a missing one.",
			damage: func(u *miniov1alpha1.User, _ miniov1alpha1.Connection) error {
				return env.Kube.Patch(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: u.Name}},
					client.RawPatch("application/merge-patch+json", []byte(`{"data":null}`)))
			},
		},
	}

	for generation := range 2 {
		for name, tc := range damages {
			t.Run(fmt.Sprintf("Generation%d%s", generation, name), func(t *testing.T) {
				t.Parallel()

				u := newUser(ns, fmt.Sprintf("damaged-%d-%s", generation, strings.ToLower(name)),
					miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
				create(t, u)

				published := awaitKey(t, u, 0)

				if generation > 0 {
					await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) {
						u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{}}
					})

					published = awaitKey(t, u, 1)
				}

				if err := tc.damage(u, published); err != nil {
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

					// A reconcile that read the Secret before the damage writes it back
					// unchanged.
					if c == published {
						return works(t.Context(), c)
					}

					return errors.Join(works(t.Context(), c), revoked(t.Context(), published))
				})
			})
		}
	}
}

// awaitKey waits until a User's key of the given generation works, and returns its
// connection.
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
