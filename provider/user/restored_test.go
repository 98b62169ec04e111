package user

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// backup returns the User and its connection Secret as a backup holds them.
func (env *env) backup() (*miniov1alpha1.User, map[string][]byte) {
	env.t.Helper()

	return env.user.DeepCopy(), env.secret().Data
}

// restoreFrom replaces the User by one that was restored from a backup: with another UID and without
// a status. The server keeps what it has. A nil data restores no Secret.
func (env *env) restoreFrom(u *miniov1alpha1.User, data map[string][]byte) {
	env.t.Helper()

	if err := env.kube.Delete(env.t.Context(), env.user); err != nil {
		env.t.Fatal(err)
	}

	s := env.secret()
	if err := env.kube.Delete(env.t.Context(), s); err != nil {
		env.t.Fatal(err)
	}

	u.SetUID("0f7a61b5")
	u.SetResourceVersion("")
	u.SetCreationTimestamp(metav1.NewTime(env.now))
	u.Status = miniov1alpha1.UserStatus{}

	if err := env.kube.Create(env.t.Context(), u); err != nil {
		env.t.Fatal(err)
	}

	if data != nil {
		s.SetUID("")
		s.SetResourceVersion("")
		s.SetOwnerReferences(nil)
		s.Data = data

		if err := env.kube.Create(env.t.Context(), s); err != nil {
			env.t.Fatal(err)
		}
	}

	env.user, env.calls = u, nil
	env.memories.Forget(client.ObjectKeyFromObject(u))
}

// TestRestoredUser restores a User of each generation and its Secret, from a backup that is older
// than the last rotation or not. The key of the Secret must work, and others only during the overlap.
func TestRestoredUser(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		// generation of the backup, and rotations after it.
		generation, later int
		withoutSecret     bool
		// retiring says that the user's own key and the one before the restored one work on.
		retiring []int64
	}{
		"Current0":      {reason: "The user's own key is current."},
		"Current1":      {reason: "The generation is recalled.", generation: 1, retiring: []int64{0}},
		"Current3":      {reason: "The generation is recalled.", generation: 3, retiring: []int64{0, 2}},
		"Outdated0":     {reason: "The server's newer key is in no Secret.", later: 1},
		"Outdated1":     {reason: "The server's newer keys are in no Secret.", generation: 1, later: 2, retiring: []int64{0}},
		"WithoutSecret": {reason: "A new key is made, and all earlier ones are in no Secret.", generation: 2, withoutSecret: true},
	} {
		t.Run(name, func(t *testing.T) {
			env := newReadyEnv(t)
			env.now = time.Now().Truncate(time.Second)
			env.user.Spec.ForProvider.Rotation = rotating(1000*time.Hour, time.Hour)

			for g := range tc.generation {
				env.rotate(string(rune('a' + g)))
			}

			u, data := env.backup()

			for g := range tc.later {
				env.rotate(string(rune('p' + g)))
			}

			// A key that a person made for the user is not the provider's.
			env.keys["a-key-of-a-person"] = otherSecretKey

			if tc.withoutSecret {
				data = nil
			}

			env.restoreFrom(u, data)
			env.settle()
			env.wantWorkingKey(tc.reason)

			if id, secretKey := env.published(); data != nil &&
				(id != string(data[miniov1alpha1.ConnectionKeyAccessKeyID]) || secretKey != string(data[miniov1alpha1.ConnectionKeySecretAccessKey])) {
				t.Errorf("%s\nwant the restored key to stay published, got %q", tc.reason, id)
			}

			if policyName(env.user) != key {
				t.Errorf("want the user's own policy to be %q, got %q", key, policyName(env.user))
			}

			delete(env.keys, env.wantPersonsKey())

			current := int64(tc.generation)
			if tc.withoutSecret {
				current = 0
			}

			env.wantKeys("in the overlap", append(tc.retiring, current)...)

			own := env.keys[key]
			env.now = env.now.Add(time.Hour)
			env.settle()
			env.wantKeys("after the overlap", current)

			if current > 0 && env.keys[key] == own {
				t.Error("want the user's own key to be revoked after the overlap")
			}
		})
	}
}

func (env *env) wantPersonsKey() string {
	env.t.Helper()

	const id = "a-key-of-a-person"
	if env.keys[id] != otherSecretKey {
		env.t.Error("want the key that a person made to stay")
	}

	return id
}

// TestCreatedUserIsAccountedFor wants the keys of a user to be listed only if the user is older than
// its resource: the list costs as much as a key.
func TestCreatedUserIsAccountedFor(t *testing.T) {
	u := newUser()
	u.SetCreationTimestamp(metav1.Now().Rfc3339Copy())

	if !keysUnaccounted(u) {
		t.Error("keysUnaccounted(...): want true for a user that is adopted")
	}

	meta.SetExternalCreatePending(u, u.GetCreationTimestamp().Time)

	if keysUnaccounted(u) {
		t.Error("keysUnaccounted(...): want false for a user that was created")
	}
}

// TestUnlistedKeys wants a restored User not to be Ready while its keys cannot be listed.
func TestUnlistedKeys(t *testing.T) {
	env := newReadyEnv(t)
	env.now = time.Now().Truncate(time.Second)
	env.rotate("now")

	u, data := env.backup()
	env.restoreFrom(u, data)
	env.fail = "ListServiceAccounts"

	for range 2 {
		if _, err := env.reconcile(); err == nil {
			t.Fatal("reconcile: want an error")
		}
	}

	if c := env.user.GetCondition(xpv1.TypeReady); c.Status == "True" || env.user.Status.AtProvider.AccessKeyID != "" {
		t.Errorf("want the User not to be Ready, got %s", c.Reason)
	}

	env.fail = ""
	env.settle()
	env.wantWorkingKey("The keys can be listed again.")
}

// TestCopyOfNoName wants a copy that lost the name of its user to have keys of its own: with those of
// the original it would remove them.
func TestCopyOfNoName(t *testing.T) {
	env := newReadyEnv(t)

	c := env.user.DeepCopy()
	c.SetUID("0f7a61b5")
	meta.SetExternalName(c, "")
	delete(c.Annotations, meta.AnnotationKeyExternalName)

	for g := range int64(2) {
		if accessKeyID(c, g) == accessKeyID(env.user, g) {
			t.Errorf("want another key of generation %d than that of the original", g)
		}
	}

	recordName(c)

	if accessKeyID(c, 1) == accessKeyID(env.user, 1) || policyName(c) == policyName(env.user) {
		t.Error("want the copy's own UID to be recorded with its own name")
	}
}
