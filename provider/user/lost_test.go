package user

import (
	"fmt"
	"testing"
)

// TestLostInRotation removes user or key on the server, or changes the secret key there, while a
// rotation is unfinished, and wants the key that clients read to work again with the first
// reconcile, whether the rotation can go on or not.
func TestLostInRotation(t *testing.T) {
	losses := map[string]func(env *env, id string){
		"User":      func(env *env, _ string) { env.fakeServer.user = nil; clear(env.keys) },
		"SecretKey": func(env *env, id string) { env.keys[id] = otherSecretKey },
		"Key":       func(env *env, id string) { delete(env.keys, id) },
	}
	// How far the rotation came.
	stages := map[string]func(env *env){
		"Begun": func(*env) {},
		"Stored": func(env *env) {
			env.fail = "AddServiceAccount"
			_, _ = env.reconcile()
			env.fail = ""
		},
		"Immutable": func(env *env) {
			s := env.secret()
			s.Immutable = new(true)

			if err := env.kube.Update(env.t.Context(), s); err != nil {
				env.t.Fatal(err)
			}
		},
	}

	for generation := range 2 {
		for stage, reach := range stages {
			for name, lose := range losses {
				t.Run(fmt.Sprintf("Generation%d%s%s", generation, stage, name), func(t *testing.T) {
					env := newGenerationEnv(t, generation)
					env.user.Spec.ForProvider.Rotation.Overlap = nil
					env.beginRotation()
					reach(env)

					id, secretKey := env.published()
					lose(env, id)

					if _, err := env.reconcile(); err != nil && stage != "Immutable" {
						t.Errorf("reconcile: %v", err)
					}

					if env.keys[id] != secretKey {
						t.Errorf("want the key that clients read to work again, got %v", env.calls)
					}

					if stage == "Immutable" {
						env.wantStuckRotation()

						return
					}

					env.settle()
					env.wantWorkingKey("The rotation continues.")

					if current, _ := env.published(); current == id || env.keys[id] != secretKey {
						t.Error("want the next key to be published, and the earlier one to work in the overlap")
					}
				})
			}
		}
	}
}

// beginRotation begins a rotation, and stops before its key is made.
func (env *env) beginRotation() {
	env.t.Helper()

	env.user.Spec.ForProvider.Rotation.Trigger = "next"
	env.now = env.now.Add(minKeyAge)

	if _, err := env.reconcile(); err != nil {
		env.t.Fatal(err)
	}

	env.calls = nil
}

// wantStuckRotation wants a rotation that cannot go on to use the key that clients read once each
// reconcile, and to change nothing.
func (env *env) wantStuckRotation() {
	env.t.Helper()

	env.calls, env.keyUses = nil, 0

	if _, err := env.reconcile(); err == nil || len(env.calls) > 0 || env.keyUses != 1 {
		env.t.Errorf("reconcile: want an error, one use of the key and no change, got %v, %d, %v", err, env.keyUses, env.calls)
	}
}

// TestRevertedAgain puts the content of a replaced key back into the connection Secret time and
// again, as a controller does that restores it, and wants keys to be replaced no more often than
// each minKeyAge.
func TestRevertedAgain(t *testing.T) {
	env := newReadyEnv(t)
	earlier := env.secret().Data
	env.rotate("once")

	env.edit(earlier)
	env.settle()
	env.wantWorkingKey("A key that was lost is replaced at once.")

	id, live := env.published()
	env.calls = nil
	env.edit(earlier)

	if _, err := env.reconcile(); err == nil || len(env.calls) > 0 || env.keys[id] != live {
		t.Errorf("reconcile: want an error, no call and the key to stay, got %v, %v", err, env.calls)
	}

	env.now = env.now.Add(minKeyAge)
	env.settle()
	env.wantWorkingKey("A key that is lost again is replaced later.")
}

// TestLostUnpublished deletes the connection Secret of a User time and again before the server
// could be given its key, and wants new ones no more often than each minKeyAge.
func TestLostUnpublished(t *testing.T) {
	env := newEnv(t)
	env.fail = "AddUser"

	for i, made := range []bool{true, true, false} {
		_, err := env.reconcile()
		if err == nil {
			t.Fatal("reconcile: want an error")
		}

		if _, secretKey := env.published(); (secretKey != "") != made {
			t.Errorf("attempt %d: want a key to be stored %t, got %v", i, made, err)
		}

		if made {
			env.loseSecret()
		}
	}

	env.fail, env.now = "", env.now.Add(minKeyAge)
	env.settle()
	env.wantWorkingKey("A key that is lost again is made later.")
}

// TestLostAgain deletes the connection Secret time and again, and wants keys to be
// replaced no more often than each minKeyAge.
func TestLostAgain(t *testing.T) {
	env := newReadyEnv(t)

	env.loseSecret()
	env.settle()
	env.wantWorkingKey("A lost key is replaced at once.")
	env.calls = nil

	env.loseSecret()

	if _, err := env.reconcile(); err == nil || env.madeKeys() > 0 {
		t.Errorf("reconcile: want an error and no key, got %v, %v", err, env.calls)
	}

	env.now = env.now.Add(minKeyAge)
	env.settle()
	env.wantWorkingKey("A key that is lost again is replaced later.")
}
