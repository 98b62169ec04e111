package user

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

func rotating(interval, overlap time.Duration) *miniov1alpha1.Rotation {
	return &miniov1alpha1.Rotation{Interval: &metav1.Duration{Duration: interval}, Overlap: &metav1.Duration{Duration: overlap}}
}

// wantKeys wants exactly the keys of these generations to work on the server. The
// user's own key cannot be removed, so it counts only if generation 0 is wanted.
func (env *env) wantKeys(when string, generations ...int64) {
	env.t.Helper()

	got, want := []string{}, make([]string, 0, len(generations))

	for id := range env.keys {
		if id != key || slices.Contains(generations, 0) {
			got = append(got, id)
		}
	}

	for _, g := range generations {
		want = append(want, accessKeyID(env.user, g))
	}

	slices.Sort(got)
	slices.Sort(want)

	if diff := cmp.Diff(want, got); diff != "" {
		env.t.Errorf("%s: -want keys, +got keys:\n%s", when, diff)
	}
}

// TestRotation wants a key to be replaced after each interval, and the retiring key
// to be revoked after each overlap.
func TestRotation(t *testing.T) {
	env := newReadyEnv(t)
	_, first := env.published()

	env.user.Spec.ForProvider.Rotation = rotating(24*time.Hour, time.Hour)
	env.settle()

	if len(env.calls) > 0 || !env.user.Status.AtProvider.NextRotationAt.Time.Equal(env.now.Add(24*time.Hour)) {
		t.Errorf("want a rotation in one day and no call now, got %v, %s", env.calls, env.user.Status.AtProvider.NextRotationAt)
	}

	env.now = env.now.Add(24 * time.Hour)
	env.settle()
	env.wantWorkingKey("A key is replaced once the next one is due.")
	env.wantKeys("during the overlap", 0, 1)

	if env.keys[key] != first {
		t.Error("want the first key to work during the overlap")
	}

	env.now = env.now.Add(time.Hour)
	env.settle()
	env.wantWorkingKey("The previous key is revoked.")

	if env.keys[key] == first || len(env.user.Status.AtProvider.RetiringKeys) > 0 {
		t.Error("want the first key to be revoked after the overlap")
	}

	env.now = env.now.Add(23 * time.Hour)
	env.settle()
	env.wantWorkingKey("The key of a later generation is replaced too.")
	env.wantKeys("during the second overlap", 1, 2)

	env.now = env.now.Add(time.Hour)
	env.settle()
	env.wantKeys("after the second overlap", 2)

	want := []string{"AddServiceAccount", "AddUser", "RevokeTokens", "AddServiceAccount", "DeleteServiceAccount"}
	if diff := cmp.Diff(want, env.calls); diff != "" {
		t.Errorf("-want calls, +got calls:\n%s", diff)
	}
}

// TestRotationTrigger wants the key to be replaced when the trigger changes, and only
// then.
func TestRotationTrigger(t *testing.T) {
	env := newEnv(t)
	env.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "created"}
	env.settle()

	if g := env.user.Status.AtProvider.Generation; g != 0 {
		t.Errorf("want no rotation of a new user, got %d", g)
	}

	for i, trigger := range []string{"once", "twice"} {
		env.rotate(trigger)
		env.wantWorkingKey("A changed trigger replaces the key at once.")

		if g := env.user.Status.AtProvider.Generation; g != int64(i+1) {
			t.Errorf("want generation %d, got %d", i+1, g)
		}
	}

	env.wantKeys("during both overlaps", 0, 1, 2)
}

// TestNextDue wants the next reconcile when a rotation is due or an overlap ends.
func TestNextDue(t *testing.T) {
	env := newReadyEnv(t)
	if at := nextDue(env.user, env.now).at; !at.IsZero() {
		t.Errorf("nextDue(...): want the zero time without rotation, got %s", at)
	}

	env.user.Spec.ForProvider.Rotation = rotating(24*time.Hour, time.Hour)
	env.settle()

	if at := nextDue(env.user, env.now).at; !at.Equal(env.now.Add(24 * time.Hour)) {
		t.Errorf("nextDue(...): want the rotation, got %s", at)
	}

	env.now = env.now.Add(24 * time.Hour)
	env.settle()

	if at := nextDue(env.user, env.now).at; !at.Equal(env.now.Add(time.Hour)) {
		t.Errorf("nextDue(...): want the end of the overlap, got %s", at)
	}
}

// TestNewInterval gives a user with an old key an interval. It wants the key to be replaced once,
// within a tenth of the interval, at the time that the status names from the beginning.
func TestNewInterval(t *testing.T) {
	const interval = 24 * time.Hour

	env := newReadyEnv(t)
	env.now = env.now.Add(100 * interval)
	env.user.Spec.ForProvider.Rotation = rotating(interval, time.Hour)
	env.settle()

	s := &env.user.Status.AtProvider
	next := s.NextRotationAt.Time

	if after := next.Sub(env.now); s.Generation != 0 || after < 0 || after > interval/10 {
		t.Errorf("want the key to be replaced within %s, got generation %d, the next after %s", interval/10, s.Generation, after)
	}

	env.now = next.Add(-time.Second)
	env.settle()

	if s.Generation != 0 || !s.NextRotationAt.Time.Equal(next) {
		t.Errorf("want the key to be replaced at %s, got generation %d, the next at %s", next, s.Generation, s.NextRotationAt)
	}

	// The provider was stopped for a while.
	env.now = next.Add(time.Hour)
	env.settle()

	if s.Generation != 1 || !s.NextRotationAt.Time.Equal(env.now.Add(interval)) {
		t.Errorf("want the second key, and the next after %s, got generation %d, %s", interval, s.Generation, s.NextRotationAt)
	}
}

// TestNewIntervalIsSpread gives many users with old keys an interval at one moment. It wants their
// keys to be due at different times.
func TestNewIntervalIsSpread(t *testing.T) {
	const users = 50

	now, times := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), map[time.Time]bool{}

	for i := range users {
		u := newUser()
		u.UID = types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", i))
		u.Spec.ForProvider.Rotation = rotating(time.Hour, time.Hour)
		u.Status.AtProvider.RotatedAt = new(metav1.NewTime(now.Add(-24 * time.Hour)))

		recordKey(u, stored{}, now)

		times[u.Status.AtProvider.NextRotationAt.Time] = true
	}

	if len(times) < users*9/10 {
		t.Errorf("want the keys of %d users to be due at different times, got %d", users, len(times))
	}
}

// TestRotationSurvivesCrash ends the process after each call of a rotation, before the
// result is stored, and wants the rotation to end as if that had not happened.
func TestRotationSurvivesCrash(t *testing.T) {
	for _, last := range []string{"AddServiceAccount", "AddUser", "RevokeTokens", "DeleteServiceAccount"} {
		t.Run(last, func(t *testing.T) {
			env := newReadyEnv(t)
			env.user.Spec.ForProvider.Rotation = rotating(24*time.Hour, time.Hour)
			env.settle()
			env.fail = last

			for range 4 {
				env.now = env.now.Add(24 * time.Hour)

				for range 3 {
					stored := env.user.DeepCopy()
					if _, err := env.reconcile(); errors.Is(err, errInjected) {
						// The process ends and loses what is not stored.
						env.user, env.fail = stored, ""
					}
				}

				env.settle()
				env.wantWorkingKey("An interrupted rotation continues.")
			}

			env.now = env.now.Add(time.Hour)
			env.settle()
			env.wantKeys("after the last overlap", env.user.Status.AtProvider.Generation)

			if env.fail != "" {
				t.Error("want the call to be made once")
			}
		})
	}
}

// TestRotationSurvivesLostStatus wants a rotated User that is restored without its
// status, as from a backup, to keep its key.
func TestRotationSurvivesLostStatus(t *testing.T) {
	env := newReadyEnv(t)
	env.user.Spec.ForProvider.Rotation = rotating(24*time.Hour, time.Hour)
	env.settle()
	env.now = env.now.Add(24 * time.Hour)
	env.settle()

	before, _ := env.published()
	env.user.Status = miniov1alpha1.UserStatus{}
	env.calls = nil
	env.settle()

	if after, _ := env.published(); after != before || len(env.calls) > 0 {
		t.Errorf("want the published key to stay, got %s instead of %s, %v", after, before, env.calls)
	}

	env.now = env.now.Add(time.Hour)
	env.settle()
	env.wantKeys("after the overlap", 1)
}
