package user

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestPolicies attaches policies to a user beside its own, and detaches them again.
func TestPolicies(t *testing.T) {
	env := newReadyEnv(t)

	env.user.Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{
		{PolicyName: "readonly"}, {PolicyName: "diagnostics"}, {PolicyName: "readonly"},
	}
	env.settle()

	if want := key + ",readonly,diagnostics"; env.fakeServer.user.PolicyName != want {
		t.Errorf("want policies %s, got %s", want, env.fakeServer.user.PolicyName)
	}

	// The order in which the server lists policies has no meaning.
	env.fakeServer.user.PolicyName, env.calls = "diagnostics,readonly,"+key, nil
	env.settle()

	if len(env.calls) > 0 {
		t.Errorf("want no call, got %v", env.calls)
	}

	env.user.Spec.ForProvider.Policies = nil
	env.settle()

	if env.fakeServer.user.PolicyName != key {
		t.Errorf("want only the user's own policy, got %s", env.fakeServer.user.PolicyName)
	}
}

// TestMissingPolicies wants the error to name the policies that do not exist, and the
// field that asks for them.
func TestMissingPolicies(t *testing.T) {
	env := newReadyEnv(t)
	for _, name := range []string{"readonly", noSuch + "a", noSuch + "b"} {
		env.user.Spec.ForProvider.Policies = append(env.user.Spec.ForProvider.Policies, miniov1alpha1.PolicyAttachment{PolicyName: name})
	}

	const want = "cannot attach the policies no-such-a, no-such-b to user"

	_, err := env.reconcile()
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "remove them from spec.forProvider.policies") {
		t.Errorf("Update(...): want error %q and the field, got %v", want, err)
	}
}

// TestGroupsMayAdminister wants a user that joins a group to be allowed what a policy of
// the group allows, except keys of its own, and to be denied it after it has left.
func TestGroupsMayAdminister(t *testing.T) {
	env := newReadyEnv(t)

	for _, groups := range [][]string{nil, {"operators"}, nil} {
		env.fakeServer.user.MemberOf = groups
		env.settle()

		want, err := policyDocument(env.user.Spec.ForProvider, len(groups) > 0)
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(string(want), string(env.policy)); diff != "" {
			t.Errorf("groups %v: -want policy, +got policy:\n%s", groups, diff)
		}
	}
}
