package user

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/minio/madmin-go/v3"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestDrift wants each drift of a user to be corrected, with the calls that this takes
// and no others.
func TestDrift(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*env)
		calls  []string
	}{
		"Nothing": {
			reason: "A user without drift is left alone.",
			change: func(*env) {},
		},
		"SecretGone": {
			reason: "A lost key is replaced, and temporary credentials of it are revoked.",
			change: func(env *env) { _ = env.kube.Delete(env.t.Context(), env.secret()) },
			calls:  []string{"AddUser", "RevokeTokens"},
		},
		"SecretOfAnotherKey": {
			reason: "A Secret with another access key counts as a lost key.",
			change: func(env *env) {
				env.edit(miniov1alpha1.Connection{AccessKeyID: "OTHER", SecretAccessKey: otherSecretKey}.Details())
			},
			calls: []string{"AddUser", "RevokeTokens"},
		},
		"SecretEdited": {
			reason: "A published key that does not work is replaced.",
			change: func(env *env) {
				env.edit(miniov1alpha1.Connection{AccessKeyID: key, SecretAccessKey: otherSecretKey}.Details())
			},
			calls: []string{"AddUser", "RevokeTokens"},
		},
		"KeyReplaced": {
			reason: "A key whose secret key was changed on the server is replaced.",
			change: func(env *env) { env.keys[key] = otherSecretKey },
			calls:  []string{"AddUser", "RevokeTokens"},
		},
		"PolicyDetached": {
			reason: "A detached policy is attached again, and the key stays.",
			change: func(env *env) { env.fakeServer.user.PolicyName = "" },
			calls:  []string{"SetPolicy"},
		},
		"AnotherPolicyAttached": {
			reason: "A policy that the spec does not name is detached.",
			change: func(env *env) { env.fakeServer.user.PolicyName = key + ",consoleAdmin" },
			calls:  []string{"SetPolicy"},
		},
		"PolicyWidened": {
			reason: "A policy that differs from the grants is written again.",
			change: func(env *env) {
				env.policy = []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`)
			},
			calls: []string{"AddCannedPolicy"},
		},
		"PolicyGone": {
			reason: "A missing policy is written again.",
			change: func(env *env) { env.policy = nil },
			calls:  []string{"AddCannedPolicy"},
		},
		"Disabled": {
			reason: "A user that should be enabled is enabled.",
			change: func(env *env) { env.fakeServer.user.Status = madmin.AccountDisabled },
			calls:  []string{"SetUserStatus"},
		},
		"DisabledAndDetached": {
			reason: "A user is enabled before its policy is attached: the server denies that a disabled one exists.",
			change: func(env *env) {
				env.fakeServer.user.Status, env.fakeServer.user.PolicyName = madmin.AccountDisabled, ""
			},
			calls: []string{"SetUserStatus", "SetPolicy"},
		},
		"Gone": {
			reason: "A missing user is created again.",
			change: func(env *env) { env.fakeServer.user = nil; clear(env.keys) },
			calls:  []string{"AddUser", "AddCannedPolicy", "SetPolicy"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			env := newReadyEnv(t)
			tc.change(env)
			env.settle()
			env.wantWorkingKey(tc.reason)

			if diff := cmp.Diff(tc.calls, env.calls, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n-want calls, +got calls:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestPollMakesThreeCalls wants each poll of a user that did not change to read the
// user and its policy and to use its key once, and so to find a key that was removed.
func TestPollMakesThreeCalls(t *testing.T) {
	if Kind().PollInterval != nil {
		t.Error("want a user to be polled once per interval: a poll finds all drift")
	}

	for name, rotated := range map[string]bool{"OwnKey": false, "LaterKey": true} {
		t.Run(name, func(t *testing.T) {
			env := newReadyEnv(t)
			if rotated {
				env.rotate("now")
			}

			for range 3 {
				env.userReads, env.policyReads, env.keyUses = 0, 0, 0
				env.settle()

				if env.userReads != 1 || env.policyReads != 1 || env.keyUses != 1 {
					t.Errorf("want one call each for user, policy and key, got %d, %d and %d", env.userReads, env.policyReads, env.keyUses)
				}
			}

			delete(env.keys, env.user.Status.AtProvider.AccessKeyID)
			env.settle()
			env.wantWorkingKey("A key that was removed is created again.")
		})
	}
}

// TestStaleCache observes a version of a User that is older than its published key, and
// wants that key not to be replaced.
func TestStaleCache(t *testing.T) {
	env := newReadyEnv(t)
	stale := env.user.DeepCopy()

	env.rotate("now")
	env.calls = nil

	_, err := env.external().Observe(t.Context(), stale)
	if !kerrors.IsConflict(err) || len(env.calls) > 0 {
		t.Errorf("Observe(...): want a conflict and no call, got %v, %v", err, env.calls)
	}
}

// TestProviderOwnUser wants the user that the provider itself uses to be neither
// adopted nor removed.
func TestProviderOwnUser(t *testing.T) {
	env := newReadyEnv(t)
	e := env.external()
	e.providersUser = "admin"
	meta.SetExternalName(env.user, e.providersUser)

	const want = `user "admin" cannot be adopted`
	if _, err := e.Observe(t.Context(), env.user); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Observe(...): want error %q, got %v", want, err)
	}

	env.user.DeletionTimestamp = new(metav1.Now())

	if o, err := e.Observe(t.Context(), env.user); err != nil || o.ResourceExists {
		t.Errorf("Observe(...): want the resource to be deleted and the user to be kept, got %+v, %v", o, err)
	}
}
