//go:build e2e

package component

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestRestoredUser rotates the key of a User once more after its backup, loses the User while the
// server keeps the user, and restores the backup, with another UID and without a status. The key of
// the backup must work again, and the one that only the server knew no more.
func TestRestoredUser(t *testing.T) {
	startProvider(t, "--poll-interval=5s")

	before := inventory(t)

	for name, generation := range map[string]int64{"FirstKey": 0, "LaterKey": 1} {
		t.Run(name, func(t *testing.T) {
			ns, home := newHome(t)
			u, saved := newRotatedUser(t, ns, home, "restored", generation)
			user, secret := u.DeepCopy(), connectionSecret(t, u)

			rotateNow(t, u, miniov1alpha1.Rotation{Trigger: "after the backup", Overlap: &metav1.Duration{}})
			lost := awaitKey(t, u, generation+1)

			await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) {
				u.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve}
			})
			deleteAll(t, []resource.Managed{u})
			await.Gone(t, env.Kube, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: u.Name}})

			secret.SetUID("")
			secret.SetResourceVersion("")
			secret.SetOwnerReferences(nil)
			create(t, secret)

			u = restore(t, user, ns)
			awaitCopy(t, u, user)
			await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) { delete(u.Annotations, ownerUID) })

			if now := awaitKey(t, u, generation); now != saved {
				t.Error("want the key of the backup to be the current one")
			}

			if err := works(t.Context(), lost); err == nil {
				t.Error("want the key that is in no Secret not to work")
			}

			deleteAll(t, []resource.Managed{u})
		})
	}

	await.For(t, "nothing to be left", func() error { return gained(t, before, 2, 0, 0, 0) })
}
