package user

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestRetiringWaitsForReader lets a controller serve the key to applications, and wants
// the overlap to begin only when it serves the current one, and no further rotation to
// begin before.
func TestRetiringWaitsForReader(t *testing.T) {
	env := newReadyEnv(t)
	env.user.Spec.ForProvider.Rotation = rotating(time.Minute, 30*time.Second)
	env.user.Spec.ForProvider.Rotation.ServedAccessKeyID = key
	env.settle()

	for range 5 {
		env.now = env.now.Add(time.Minute)
		env.settle()
		env.wantWorkingKey("A key is replaced even though it is not served yet.")
		env.wantKeys("while the first key is served", 0, 1)
	}

	if k := env.user.Status.AtProvider.RetiringKeys; len(k) != 1 || k[0].Until != nil || k[0].Since != nil {
		t.Errorf("want an overlap that has not begun, got %v", k)
	}

	if next := nextDue(env.user, env.now); !next.at.IsZero() {
		t.Errorf("nextDue(...): want nothing before the key is served, got %v", next)
	}

	env.user.Spec.ForProvider.Rotation = rotating(time.Hour, 30*time.Second)
	env.user.Spec.ForProvider.Rotation.ServedAccessKeyID = accessKeyID(env.user, 1)
	env.settle()
	env.wantKeys("during the overlap", 0, 1)

	if k := env.user.Status.AtProvider.RetiringKeys; len(k) != 1 || k[0].Until == nil || !k[0].Until.Time.Equal(env.now.Add(30*time.Second)) {
		t.Errorf("want an overlap that begins now, got %v", k)
	}

	env.now = env.now.Add(30 * time.Second)
	env.settle()
	env.wantKeys("after the overlap", 1)
}

// TestServedKeyIsKept serves a retiring key again after its overlap began, and wants it
// to be kept.
func TestServedKeyIsKept(t *testing.T) {
	env := newReadyEnv(t)
	env.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Overlap: &metav1.Duration{Duration: time.Hour}}
	env.rotate("now")

	env.user.Spec.ForProvider.Rotation.ServedAccessKeyID = key
	env.now = env.now.Add(2 * time.Hour)
	env.calls = nil
	env.settle()

	if next := nextDue(env.user, env.now); len(env.calls) > 0 || !next.at.IsZero() {
		t.Errorf("want the served key to be kept, got %v, next %v", env.calls, next)
	}
}

// TestShorterOverlap wants another overlap to count for keys that were replaced before.
func TestShorterOverlap(t *testing.T) {
	env := newReadyEnv(t)
	env.rotate("once")
	env.wantKeys("during the overlap", 0, 1)

	began := env.now
	env.now = env.now.Add(time.Hour)
	env.user.Spec.ForProvider.Rotation.Overlap = &metav1.Duration{Duration: 2 * time.Hour}
	env.settle()

	if until := env.user.Status.AtProvider.RetiringKeys[0].Until; !until.Time.Equal(began.Add(2 * time.Hour)) {
		t.Errorf("want the overlap to end %s, got %s", began.Add(2*time.Hour), until)
	}

	env.user.Spec.ForProvider.Rotation = nil
	env.settle()

	if until := env.user.Status.AtProvider.RetiringKeys[0].Until; !until.Time.Equal(began.Add(2 * time.Hour)) {
		t.Errorf("want the overlap to stay without rotation, got %s", until)
	}

	env.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Overlap: &metav1.Duration{}}
	env.settle()
	env.settle()

	if k := env.user.Status.AtProvider.RetiringKeys; len(k) > 0 {
		t.Errorf("want no overlap, got %v", k)
	}
}

// TestEarlierKeysAreBounded changes the trigger many times within the overlap.
func TestEarlierKeysAreBounded(t *testing.T) {
	env := newReadyEnv(t)

	for i := range 6 {
		env.rotate(fmt.Sprint(i))
	}

	env.wantKeys("after six rotations", 4, 5, 6)

	if n := len(env.user.Status.AtProvider.RetiringKeys); n != maxRetiringKeys {
		t.Errorf("want %d retiring keys, got %d", maxRetiringKeys, n)
	}

	env.user.Spec.ForProvider.Rotation.Trigger = "at once"
	env.settle()

	if g := env.user.Status.AtProvider.Generation; g != 6 {
		t.Errorf("want no rotation within %s, got generation %d", minKeyAge, g)
	}

	if next := nextDue(env.user, env.now); !next.at.Equal(env.now.Add(minKeyAge)) {
		t.Errorf("nextDue(...): want the rotation after %s, got %v", minKeyAge, next)
	}
}

// TestClockAhead wants times in the future, which a clock that was ahead recorded, to
// be corrected.
func TestClockAhead(t *testing.T) {
	env := newReadyEnv(t)
	env.user.Spec.ForProvider.Rotation = rotating(24*time.Hour, time.Hour)
	env.settle()
	env.now = env.now.Add(240 * time.Hour)
	env.settle()
	env.now = env.now.Add(-239 * time.Hour)
	env.settle()

	s := env.user.Status.AtProvider
	if s.RotatedAt.After(env.now) || s.NextRotationAt.After(env.now.Add(24*time.Hour)) || s.RetiringKeys[0].Until.After(env.now.Add(time.Hour)) {
		t.Errorf("want times that count from now, got %+v", s)
	}
}

// TestTerminatingNamespace wants no key to be revoked in a namespace that is being
// deleted.
func TestTerminatingNamespace(t *testing.T) {
	env := newReadyEnv(t)
	env.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Overlap: &metav1.Duration{Duration: time.Hour}}
	env.rotate("once")

	env.calls = nil
	env.now = env.now.Add(time.Hour)
	env.rejecting(terminating())

	for range 3 {
		if _, err := env.reconcile(); err != nil {
			t.Error(err)
		}
	}

	if len(env.calls) > 0 {
		t.Errorf("want no call, got %v", env.calls)
	}
}

// TestNamespaceEnds wants a key to be revoked only if the API server answers that the namespace
// stays, and an answer that says nothing about it to be an error.
func TestNamespaceEnds(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}

	for name, tc := range map[string]struct {
		answer  error
		revoked bool
		wantErr bool
	}{
		"Exists":      {answer: kerrors.NewAlreadyExists(secrets, "u-key"), revoked: true},
		"Forbidden":   {answer: kerrors.NewForbidden(secrets, "u-key", errInjected), revoked: true},
		"Invalid":     {answer: kerrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "u-key", nil), revoked: true},
		"BadRequest":  {answer: kerrors.NewBadRequest("no"), revoked: true},
		"Terminating": {answer: terminating()},
		"TooMany":     {answer: kerrors.NewTooManyRequests("wait", 1), wantErr: true},
		"Internal":    {answer: kerrors.NewInternalError(errInjected), wantErr: true},
		"Unavailable": {answer: kerrors.NewServiceUnavailable("down"), wantErr: true},
		"Timeout":     {answer: kerrors.NewTimeoutError("slow", 1), wantErr: true},
		"NoAnswer":    {answer: errInjected, wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			env := newReadyEnv(t)
			env.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Overlap: &metav1.Duration{Duration: time.Hour}}
			env.rotate("once")

			env.now = env.now.Add(time.Hour)
			env.rejecting(tc.answer)

			before := env.keys[key]

			if _, err := env.reconcile(); (err != nil) != tc.wantErr {
				t.Errorf("reconcile: want an error %t, got %v", tc.wantErr, err)
			}

			if revoked := env.keys[key] != before; revoked != tc.revoked {
				t.Errorf("want the earlier key to be revoked %t, got %t", tc.revoked, revoked)
			}
		})
	}
}

// TestNextDueWaitsForPoll wants what a reconcile does not do, though it was due, to wait
// for the next poll.
func TestNextDueWaitsForPoll(t *testing.T) {
	now, m := time.Now(), &memory{}
	past := dueAction{what: "rotate 1", at: now.Add(-time.Minute)}

	for i, step := range []struct {
		reason string
		due    dueAction
		want   time.Time
	}{
		{"What is due in the future is due then.", dueAction{what: "rotate 1", at: now.Add(time.Minute)}, now.Add(time.Minute)},
		{"What is due is done at once.", past, past.at},
		{"What is due and was not done waits.", past, time.Time{}},
		{"Something else that is due is done at once.", dueAction{what: "publish X", at: past.at}, past.at},
	} {
		m.begun = step.due.what

		if got := m.next(step.due, now); !got.Equal(step.want) {
			t.Errorf("step %d: %s\nwant %s, got %s", i, step.reason, step.want, got)
		}
	}
}

// TestRepeatedStatusWrite loses the status that a rotation began with, as if the API server
// rejected its write, and wants the repeated rotation not to wait for the next poll.
func TestRepeatedStatusWrite(t *testing.T) {
	env := newReadyEnv(t)
	env.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now"}
	env.now = env.now.Add(minKeyAge)

	before := env.user.Status.DeepCopy()

	for range 2 {
		env.user.Status = *before.DeepCopy()

		if _, err := env.reconcile(); err != nil {
			t.Fatal(err)
		}

		if got := env.memories.Of(env.user).next(nextDue(env.user, env.now), env.now); got.IsZero() {
			t.Error("next(...): want the key to be published at once, got the next poll")
		}
	}
}

// TestNothingDue wants nothing to be due of what no reconcile acts on.
func TestNothingDue(t *testing.T) {
	for name, change := range map[string]func(*miniov1alpha1.User){
		"NoSecret": func(u *miniov1alpha1.User) { u.Spec.WriteConnectionSecretToReference = nil },
		"ObserveOnly": func(u *miniov1alpha1.User) {
			u.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve}
		},
		"Disabled": func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = new(false) },
	} {
		t.Run(name, func(t *testing.T) {
			env := newReadyEnv(t)
			env.user.Spec.ForProvider.Rotation = rotating(time.Minute, time.Minute)
			env.settle()
			change(env.user)

			if next := nextDue(env.user, env.now); !next.at.IsZero() {
				t.Errorf("nextDue(...): want nothing, got %v", next)
			}
		})
	}
}

// TestUpgrade continues with a User and a Secret as the first version stored them, in
// the overlap of its second key.
func TestUpgrade(t *testing.T) {
	content, err := os.ReadFile("testdata/upgrade/user.yaml")
	if err != nil {
		t.Fatal(err)
	}

	u := &miniov1alpha1.User{}
	if err := yaml.UnmarshalStrict(content, u); err != nil {
		t.Fatal(err)
	}

	s := resource.LocalConnectionSecretFor(u, miniov1alpha1.UserKind)

	if content, err = os.ReadFile("testdata/upgrade/secret.json"); err != nil {
		t.Fatal(err)
	}

	if err := json.Unmarshal(content, &s.Data); err != nil {
		t.Fatal(err)
	}

	env := newReadyEnv(t)
	env.loseSecret()

	if err := env.kube.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}

	// The server has the user with its first key, and the second key.
	id, secretKey := env.published()
	env.keys[id] = secretKey
	env.now = time.Date(2026, 11, 26, 6, 0, 0, 0, time.UTC)
	env.user.Spec, env.user.Status = *u.Spec.DeepCopy(), *u.Status.DeepCopy()

	env.settle()
	env.wantWorkingKey("A key of the first version is kept.")
	env.wantKeys("in the overlap", 0, 1)

	if gotID, got := env.published(); len(env.calls) > 0 || gotID != id || got != secretKey {
		t.Errorf("want no call and the same key, got %v, %s", env.calls, gotID)
	}

	if k := env.user.Status.AtProvider.RetiringKeys; len(k) != 1 || !k[0].Until.Time.Equal(u.Status.AtProvider.RetiringKeys[0].Until.Time) {
		t.Errorf("want the recorded end of the overlap, got %v", k)
	}

	env.now = time.Date(2026, 11, 27, 6, 0, 0, 0, time.UTC)
	env.settle()
	env.wantKeys("after the overlap", 1)
}
