package user

import (
	"context"
	"strings"
	"testing"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// TestEndpointElsewhere lets the public endpoint lead to another server, and wants no
// new key: it would be rejected there too.
func TestEndpointElsewhere(t *testing.T) {
	env := newReadyEnv(t)
	env.elsewhere = true
	*env.memories.Of(env.user) = memory{}

	for range 3 {
		if _, err := env.reconcile(); err == nil || !strings.Contains(err.Error(), "correct publicEndpoint") {
			t.Errorf("reconcile: want an error that says what to correct, got %v", err)
		}
	}

	if len(env.calls) > 0 {
		t.Errorf("reconcile: want no change, got %v", env.calls)
	}

	if c := env.user.GetCondition(xpv1.TypeReady); c.Reason != miniov1alpha1.ReasonUnproven {
		t.Errorf("want reason %s, got %s", miniov1alpha1.ReasonUnproven, c.Reason)
	}
}

// TestVerifyOfPermissiveServer wants an error if a server allows what no grant allows.
func TestVerifyOfPermissiveServer(t *testing.T) {
	v := verifier{locate: func(context.Context, string, string, minio.Secret, string) error { return nil }}

	const want = "what no grant allows"
	if err := v.verify(t.Context(), newUser(), otherSecretKey, false); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("verify(...): want error %q, got %v", want, err)
	}

	if err := v.verify(t.Context(), newUser(), otherSecretKey, true); err != nil {
		t.Errorf("verify(...): want no error for a user that may hold policies of its groups, got %v", err)
	}
}
