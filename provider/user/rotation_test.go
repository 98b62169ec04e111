package user

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

func rotating(interval, overlap time.Duration) *miniov1alpha1.Rotation {
	return &miniov1alpha1.Rotation{Interval: &metav1.Duration{Duration: interval}, Overlap: &metav1.Duration{Duration: overlap}}
}

// wantKeys wants just these keys to work on the server.
func (b *bed) wantKeys(when string, generations ...int64) {
	b.t.Helper()

	got, want := []string{}, make([]string, 0, len(generations))

	for id := range b.keys {
		if id != key || slices.Contains(generations, 0) {
			got = append(got, id)
		}
	}

	for _, g := range generations {
		want = append(want, accessKey(b.user, g))
	}

	slices.Sort(got)
	slices.Sort(want)

	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("%s: -want keys, +got keys:\n%s", when, diff)
	}
}

// TestRotation follows a user through two intervals.
func TestRotation(t *testing.T) {
	b := newReadyBed(t)
	_, first := b.published()

	b.user.Spec.ForProvider.Rotation = rotating(24*time.Hour, time.Hour)
	b.settle()

	if len(b.calls) > 0 || !b.user.Status.AtProvider.NextRotationAt.Time.Equal(b.now.Add(24*time.Hour)) {
		t.Errorf("want the next key after a day and nothing now, got %v, %s", b.calls, b.user.Status.AtProvider.NextRotationAt)
	}

	b.now = b.now.Add(24 * time.Hour)
	b.settle()
	b.wantWorkingKey("A key that is due is replaced.")
	b.wantKeys("in the overlap", 0, 1)

	if b.keys[key] != first {
		t.Error("the first key does not work in the overlap")
	}

	b.now = b.now.Add(time.Hour)
	b.settle()
	b.wantWorkingKey("An old key goes.")

	if b.keys[key] == first || len(b.user.Status.AtProvider.RetiringKeys) > 0 {
		t.Error("the first key works after the overlap")
	}

	b.now = b.now.Add(23 * time.Hour)
	b.settle()
	b.wantWorkingKey("A later key is replaced too.")
	b.wantKeys("in the second overlap", 1, 2)

	b.now = b.now.Add(time.Hour)
	b.settle()
	b.wantKeys("after the second overlap", 2)

	want := []string{"AddServiceAccount", "AddUser", "RevokeTokens", "AddServiceAccount", "DeleteServiceAccount"}
	if diff := cmp.Diff(want, b.calls); diff != "" {
		t.Errorf("-want calls, +got calls:\n%s", diff)
	}
}

// TestRotationNow replaces a key because the trigger changed, and for no other
// reason.
func TestRotationNow(t *testing.T) {
	b := newBed(t)
	b.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "made with this"}
	b.settle()

	if g := b.user.Status.AtProvider.Generation; g != 0 {
		t.Errorf("a new user was rotated %d times", g)
	}

	for i, trigger := range []string{"once", "twice"} {
		b.user.Spec.ForProvider.Rotation.Trigger = trigger
		b.settle()
		b.wantWorkingKey("A changed trigger replaces the key.")

		if g := b.user.Status.AtProvider.Generation; g != int64(i+1) {
			t.Errorf("want generation %d, got %d", i+1, g)
		}
	}

	b.wantKeys("in the overlap of both", 0, 1, 2)
}

// TestRotationAsksForALook wants the next look when something is due.
func TestRotationAsksForALook(t *testing.T) {
	b := newReadyBed(t)
	if at := next(b.user); !at.IsZero() {
		t.Errorf("next(...): want nothing due without rotation, got %s", at)
	}

	b.user.Spec.ForProvider.Rotation = rotating(24*time.Hour, time.Hour)
	b.settle()

	if at := next(b.user); !at.Equal(b.now.Add(24 * time.Hour)) {
		t.Errorf("next(...): want the rotation, got %s", at)
	}

	b.now = b.now.Add(24 * time.Hour)
	b.settle()

	if at := next(b.user); !at.Equal(b.now.Add(time.Hour)) {
		t.Errorf("next(...): want the end of the overlap, got %s", at)
	}
}

// TestRotationHealsAfterCrash lets each step of a rotation end after each call,
// its result lost, and wants it to come to the same end.
func TestRotationHealsAfterCrash(t *testing.T) {
	for _, last := range []string{"AddServiceAccount", "AddUser", "RevokeTokens", "DeleteServiceAccount"} {
		t.Run(last, func(t *testing.T) {
			b := newReadyBed(t)
			b.user.Spec.ForProvider.Rotation = rotating(24*time.Hour, time.Hour)
			b.settle()
			b.fail = last

			for range 4 {
				b.now = b.now.Add(24 * time.Hour)

				for range 3 {
					stored := b.user.DeepCopy()
					if _, err := b.reconcile(); errors.Is(err, errInjected) {
						// The process is gone, and what it had not stored.
						b.user, b.fail = stored, ""
					}
				}

				b.settle()
				b.wantWorkingKey("A rotation that was cut short goes on.")
			}

			b.now = b.now.Add(time.Hour)
			b.settle()
			b.wantKeys("in the end", b.user.Status.AtProvider.Generation)

			if b.fail != "" {
				t.Error("the call was never made")
			}
		})
	}
}

// TestRotationSurvivesLostStatus restores a rotated user without its status, as
// a backup does.
func TestRotationSurvivesLostStatus(t *testing.T) {
	b := newReadyBed(t)
	b.user.Spec.ForProvider.Rotation = rotating(24*time.Hour, time.Hour)
	b.settle()
	b.now = b.now.Add(24 * time.Hour)
	b.settle()

	before, _ := b.published()
	b.user.Status = miniov1alpha1.UserStatus{}
	b.calls = nil
	b.settle()

	if after, _ := b.published(); after != before || len(b.calls) > 0 {
		t.Errorf("want the key to stay, got %s for %s, %v", after, before, b.calls)
	}

	b.now = b.now.Add(time.Hour)
	b.settle()
	b.wantKeys("after the overlap", 1)
}

// TestPolicyAndKeyTakeTurns wants a user that does not change to cost one more
// call than its own look, whichever turn it is, and a key that is gone to be
// found.
func TestPolicyAndKeyTakeTurns(t *testing.T) {
	for name, rotation := range map[string]*miniov1alpha1.Rotation{"Own": nil, "Later": {Trigger: "now"}} {
		t.Run(name, func(t *testing.T) {
			b := newReadyBed(t)
			b.user.Spec.ForProvider.Rotation = rotation
			b.settle()
			b.settle()

			b.located, b.looked = 0, 0
			for range 4 {
				b.settle()
			}

			if b.located != 2 || b.looked != 2 {
				t.Errorf("want every other of 4 looks to be for the key, got %d for the key and %d for the policy", b.located, b.looked)
			}

			delete(b.keys, b.user.Status.AtProvider.AccessKeyID)
			b.settle()
			b.settle()
			b.wantWorkingKey("A key that was removed is made again.")
		})
	}
}
