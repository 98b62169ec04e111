package user

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// TestStoredKey reads the key of the current generation from a connection Secret.
func TestStoredKey(t *testing.T) {
	u := &miniov1alpha1.User{}
	u.UID = "1"
	id := accessKeyID(u, 0)

	cases := map[string]struct {
		reason      string
		id, secret  string
		want        minio.Secret
		wantCurrent bool
	}{
		"Current": {reason: "Clients read the current key.", id: id, secret: "secret", want: "secret", wantCurrent: true},
		"Empty":   {reason: "A secret key that was edited away is lost, and not a key to try.", id: id},
		"Other":   {reason: "The key of another generation is not the current one.", id: accessKeyID(u, 1), secret: "secret"},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStored(u, &corev1.Secret{Type: "connection.crossplane.io/v1alpha1", Data: map[string][]byte{
				miniov1alpha1.ConnectionKeyAccessKeyID: []byte(tc.id), miniov1alpha1.ConnectionKeySecretAccessKey: []byte(tc.secret),
			}})

			got, current := s.key(u)
			if got.Reveal() != tc.want.Reveal() || current != tc.wantCurrent {
				t.Errorf("%s\nwant %q, %t, got %q, %t", tc.reason, tc.want.Reveal(), tc.wantCurrent, got.Reveal(), current)
			}
		})
	}
}
