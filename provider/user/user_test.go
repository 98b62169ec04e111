package user

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/madmin-go/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()

	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, miniov1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}

	return s
}

// TestCreateMakesOneEncryptedCall wants a new user to take one expensive call, and its
// key to be verified once.
func TestCreateMakesOneEncryptedCall(t *testing.T) {
	env := newEnv(t)

	if busy, err := env.reconcile(); !busy || err != nil {
		t.Fatalf("reconcile: %t, %v", busy, err)
	}

	if diff := cmp.Diff([]string{"AddUser", "AddCannedPolicy", "SetPolicy"}, env.calls); diff != "" {
		t.Errorf("Create(...): -want calls, +got calls:\n%s", diff)
	}

	env.settle()
	env.wantWorkingKey("A new user's key works.")

	if env.keyUses != 2 {
		t.Errorf("want the key to be verified once, by two calls, got %d", env.keyUses)
	}

	if diff := cmp.Diff([]string{"AddUser", "AddCannedPolicy", "SetPolicy"}, env.calls); diff != "" {
		t.Errorf("Observe(...): -want calls, +got calls:\n%s", diff)
	}
}

// TestCreateSurvivesCrash ends the process after each call of Create, before the result
// is stored, and wants a working user in the end.
func TestCreateSurvivesCrash(t *testing.T) {
	for _, last := range []string{"AddUser", "AddCannedPolicy", "SetPolicy"} {
		t.Run(last, func(t *testing.T) {
			env := newEnv(t)
			env.fail = last

			if _, err := env.reconcile(); !errors.Is(err, errInjected) {
				t.Fatalf("reconcile: want the injected error, got %v", err)
			}

			env.fail = ""
			env.settle()
			env.wantWorkingKey("A user whose creation was interrupted is completed.")

			if env.user.Status.AtProvider.PublishedHash == "" {
				t.Error("want the status to show that a key was published")
			}
		})
	}
}

// TestUpdateOfMissing updates a user that does not exist: the runtime calls Update
// where management policies allow updates but no creation.
func TestUpdateOfMissing(t *testing.T) {
	env := newEnv(t)
	if _, err := env.external().Update(t.Context(), env.user); err == nil || len(env.calls) > 0 {
		t.Errorf("Update(...): want an error and no call, got %v, %v", err, env.calls)
	}
}

// TestDisabled wants a user that is disabled and enabled again to keep its key.
func TestDisabled(t *testing.T) {
	env := newReadyEnv(t)
	_, before := env.published()

	env.user.Spec.ForProvider.Enabled = new(false)
	env.settle()

	c := env.user.GetCondition(xpv1.TypeReady)
	if env.fakeServer.user.Status != madmin.AccountDisabled || c.Reason != miniov1alpha1.ReasonDisabled {
		t.Errorf("want a disabled user and reason %s, got %s, %s", miniov1alpha1.ReasonDisabled, env.fakeServer.user.Status, c.Reason)
	}

	// A status may be lost, for example when the User is restored from a backup.
	env.user.Status = miniov1alpha1.UserStatus{}
	env.settle()

	if c := env.user.GetCondition(xpv1.TypeReady); c.Reason != miniov1alpha1.ReasonDisabled {
		t.Errorf("want reason %s without an update too, got %s", miniov1alpha1.ReasonDisabled, c.Reason)
	}

	env.user.Spec.ForProvider.Enabled = new(true)
	env.settle()
	env.wantWorkingKey("A user that is enabled again is ready.")

	if _, after := env.published(); after != before {
		t.Error("want the same key as before")
	}

	if diff := cmp.Diff([]string{"SetUserStatus", "SetUserStatus"}, env.calls); diff != "" {
		t.Errorf("-want calls, +got calls:\n%s", diff)
	}
}
