//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// waitGeneration waits until the key of a User's generation is current and published.
func waitGeneration(t *testing.T, u *miniov1alpha1.User, generation int64) {
	t.Helper()
	await.For(t, fmt.Sprintf("generation %d", generation), func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
			return err
		}

		s := u.Status.AtProvider
		// Until the new key is created, the retiring key is still the current one.
		retiring := slices.ContainsFunc(s.RetiringKeys, func(k miniov1alpha1.RetiringKey) bool { return k.AccessKeyID == s.AccessKeyID })
		if got := string(connectionSecret(t, u).Data["AWS_ACCESS_KEY_ID"]); s.Generation != generation || got != s.AccessKeyID || retiring {
			return fmt.Errorf("generation %d, key %s, published %s; %s", s.Generation, s.AccessKeyID, got, u.GetCondition(xpv1.TypeSynced).Message)
		}

		return nil
	})
}

// TestUserRotation changes the rotation trigger. It checks that the old key works beside
// the new one during the overlap and is rejected after it, and that the last key is
// rejected once the User is deleted.
func TestUserRotation(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)
	b := newBucket(ns, "rotation")
	create(t, b)

	u := newUser(ns, "rotation", miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadWrite})
	create(t, u)
	waitAvailable(t, b)
	waitAvailable(t, u)

	first := userClient(t, u)
	rotate := func(trigger string, overlap time.Duration) {
		await.Change(t, kube, u, func(u *miniov1alpha1.User) {
			u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: trigger, Overlap: &metav1.Duration{Duration: overlap}}
		})
	}

	waitRejected := func(what string, s3 *miniogo.Client) {
		t.Helper()
		await.For(t, what, func() error {
			_, err := list(ctx, s3, b.Name)
			return checkKeyRejected("list", err)
		})
	}

	rotate("one", 20*time.Second)
	waitGeneration(t, u, 1)

	second := userClient(t, u)
	for name, s3 := range map[string]*miniogo.Client{"old": first, "new": second} {
		if _, err := list(ctx, s3, b.Name); err != nil {
			t.Errorf("the %s key does not work in the overlap: %v", name, err)
		}
	}

	waitRejected("the first key to be rejected after the overlap", first)

	if _, err := list(ctx, second, b.Name); err != nil {
		t.Errorf("the second key no longer works after the first ended: %v", err)
	}

	rotate("two", 0)
	waitGeneration(t, u, 2)
	waitRejected("the second key to be rejected without an overlap", second)
	await.For(t, "no retiring keys in the status", func() error {
		if err := kube.Get(ctx, client.ObjectKeyFromObject(u), u); err != nil || len(u.Status.AtProvider.RetiringKeys) == 0 {
			return err
		}

		return fmt.Errorf("it holds %v", u.Status.AtProvider.RetiringKeys)
	})

	third := userClient(t, u)

	// Deleting the user on the server deletes its service accounts too.
	if err := kube.Delete(ctx, b); err != nil {
		t.Fatal(err)
	}

	if err := kube.Delete(ctx, u); err != nil {
		t.Fatal(err)
	}

	waitRejected("the third key to be rejected after the user is deleted", third)
}

// TestUserRotationBySchedule checks that the interval causes a rotation when it is due.
func TestUserRotationBySchedule(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)

	u := newUser(ns, "schedule")
	u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Interval: &metav1.Duration{Duration: time.Minute}, Overlap: &metav1.Duration{}}
	create(t, u)
	waitAvailable(t, u)

	if next := u.Status.AtProvider.NextRotationAt; next == nil || time.Until(next.Time) > time.Minute {
		t.Fatalf("want the next key within a minute, got %v", next)
	}

	// The shortest interval is a minute.
	time.Sleep(time.Until(u.Status.AtProvider.NextRotationAt.Time))
	waitGeneration(t, u, 1)
}
