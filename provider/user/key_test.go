package user

import (
	"net/url"
	"regexp"
	"testing"

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
