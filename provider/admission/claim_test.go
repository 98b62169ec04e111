package admission

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

func TestClaim(t *testing.T) {
	got := Claim().Handler.Handle(context.Background(), admission.Request{})

	if !got.Allowed {
		t.Error("Handle(...): want the claim to be allowed")
	}

	want := []jsonpatch.Operation{{Operation: "add", Path: "/spec", Value: map[string]any{}}}
	if diff := cmp.Diff(want, got.Patches); diff != "" {
		t.Errorf("Handle(...): -want patches, +got patches:\n%s", diff)
	}
}
