package controller

import (
	"errors"
	"slices"
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
	// The runtime annotates events with the external name.
	r.WithAnnotations("external-name", "CSTNP6W3RB5N4YU7Z7Z4").Event(&miniov1alpha1.User{}, failed)

	if want := []string{"external-name", "CSTN…Z7Z4"}; !slices.Equal(events.Annotations, want) {
		t.Errorf("want the annotations %q, got %q", want, events.Annotations)
	}

	for i, got := range events.Messages {
		if want := `cannot update user "CSTN…Z7Z4": denied`; got != want {
			t.Errorf("event %d: want %q, got %q", i, want, got)
		}
	}
}
