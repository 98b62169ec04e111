package user

import "testing"

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
