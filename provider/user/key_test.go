package user

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"testing"

	"github.com/minio/madmin-go/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestAccessKeys wants access keys to follow from the resource and to differ for each
// User and generation.
func TestAccessKeys(t *testing.T) {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{UID: "9c1de0c2-51f8-4a52-9b0e-2f3b5c7d8bbb"}}
	other := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{UID: "4e2ff3b1-3a57-4bd3-8c6e-d0c8b2f0a111"}}

	if got := Name(u); len(got) != accessKeyLength || got != Name(u) {
		t.Errorf("Name(...): want the same %d characters each time, got %q", accessKeyLength, got)
	}

	seen := map[string]bool{}
	for _, u := range []*miniov1alpha1.User{u, other} {
		for g := range int64(100) {
			seen[accessKeyID(u, g)] = true
		}
	}

	if len(seen) != 200 {
		t.Errorf("accessKey(...): want 200 different keys of two Users, got %d", len(seen))
	}

	if a, b := newSecretKey(), newSecretKey(); a.Reveal() == b.Reveal() || len(a.Reveal()) != secretKeyLength {
		t.Error("newSecretKey(): want a different key of full length each time")
	}
}

// TestKeysNeedNoQuoting wants keys that can stand anywhere as they are: in URLs, such as
// that of mc, in INI files and in shells.
func TestKeysNeedNoQuoting(t *testing.T) {
	plain := regexp.MustCompile(`^[A-Z0-9]+$`)

	for g := range int64(1000) {
		id, secretKey := accessKeyID(newUser(), g), newSecretKey().Reveal()

		if key := id + secretKey; !plain.MatchString(key) || url.QueryEscape(key) != key {
			t.Fatalf("generation %d: want capital letters and digits, got access key %q, or a secret key of other characters", g, id)
		}
	}
}

// TestRevocationIsSure lets the server answer that a key does not exist which is to be revoked, and
// wants it to be asked again: if that was not true the key would work for ever.
func TestRevocationIsSure(t *testing.T) {
	missing := madmin.ErrorResponse{Code: "XMinioInvalidIAMCredentials", RequestID: "1"}
	failed := madmin.ErrorResponse{Code: "InternalError", RequestID: "1"}

	for name, tc := range map[string]struct {
		reason  string
		answers []error
		want    error
	}{
		"Removed": {reason: "The key is removed.", answers: []error{nil}},
		"Wrong":   {reason: "The first answer was wrong.", answers: []error{missing, nil}},
		"Missing": {reason: "The second answer is believed.", answers: []error{missing, missing}},
		"Failed":  {reason: "An error is returned.", answers: []error{failed}, want: failed},
		"Later":   {reason: "An error of the second call is returned.", answers: []error{missing, failed}, want: failed},
	} {
		t.Run(name, func(t *testing.T) {
			server := &forgetful{answers: slices.Clone(tc.answers)}
			u := newUser()

			err := keys{admin: server}.revoke(t.Context(), u, []string{accessKeyID(u, 1)})
			if !errors.Is(err, tc.want) || len(server.answers) > 0 {
				t.Errorf("%s\nrevoke(...): want %v, got %v; %d answers are left", tc.reason, tc.want, err, len(server.answers))
			}
		})
	}
}

// forgetful is a server that gives certain answers to removals of keys.
type forgetful struct {
	keyAdmin

	answers []error
}

func (f *forgetful) DeleteServiceAccount(context.Context, string) error {
	err := f.answers[0]
	f.answers = f.answers[1:]

	return err
}
