package controller

import (
	"errors"
	"testing"

	"github.com/crossplane/crossplane-runtime/v2/pkg/event"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

// TestMaskingRecorder records an error that names a user, with and without annotations.
func TestMaskingRecorder(t *testing.T) {
	events := &providertest.Events{}
	failed := event.Warning("CannotUpdateExternalResource", errors.New(`cannot update user "CSTNP6W3RB5N4YU7Z7Z4": denied`))

	r := event.Recorder(maskingRecorder{events})
	r.Event(&miniov1alpha1.User{}, failed)
	r.WithAnnotations("a", "b").Event(&miniov1alpha1.User{}, failed)

	for i, got := range events.Messages {
		if want := `cannot update user "CSTN…Z7Z4": denied`; got != want {
			t.Errorf("event %d: want %q, got %q", i, want, got)
		}
	}
}
