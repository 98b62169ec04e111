//go:build e2e

package component

import (
	"strings"
	"testing"
	"time"

	"github.com/minio/madmin-go/v3"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	"github.com/cistern-dev/cistern/test/await"
)

// TestKeyChangedOnServer makes the access key of a User into one that the provider would not make.
// It wants the stored key to work again, without what was changed.
func TestKeyChangedOnServer(t *testing.T) {
	startProvider(t, "--poll-interval=1s")

	ns, home := newHome(t)

	const otherSecretKey = "not-the-one-that-is-published"

	cases := map[string]struct {
		reason string
		change func(t *testing.T, id string) error
	}{
		"Expires": {
			reason: "With another secret key alone it would expire all the same.",
			change: func(t *testing.T, id string) error {
				t.Helper()

				return env.Server.UpdateServiceAccount(t.Context(), id, madmin.UpdateServiceAccountReq{
					NewSecretKey: otherSecretKey, NewExpiration: new(time.Now().Add(20 * time.Minute)),
				})
			},
		},
		"OfAnotherUser": {
			reason: "With another secret key alone it would have the rights of that user.",
			change: func(t *testing.T, id string) error {
				t.Helper()

				other := ns + "-other"
				if err := env.Server.AddUser(t.Context(), other, otherSecretKey); err != nil {
					return err
				}

				if err := env.Server.DeleteServiceAccount(t.Context(), id); err != nil {
					return err
				}

				_, err := env.Server.AddServiceAccount(t.Context(), madmin.AddServiceAccountReq{
					TargetUser: other, AccessKey: id, SecretKey: otherSecretKey,
				})

				return err
			},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u, c := newRotatedUser(t, ns, home, strings.ToLower(name), 1)

			if err := tc.change(t, c.AccessKeyID); err != nil {
				t.Fatal(err)
			}

			await.For(t, "the key to work again", func() error { return works(t.Context(), c) })

			got, err := env.Server.InfoServiceAccount(t.Context(), c.AccessKeyID)
			if err != nil {
				t.Fatal(err)
			}

			expires := got.Expiration != nil && got.Expiration.Unix() > 0
			if got.ParentUser != meta.GetExternalName(u) || expires {
				t.Errorf("%s\nwant a key of user %q that does not expire, got one of %q, expires: %t",
					tc.reason, meta.GetExternalName(u), got.ParentUser, expires)
			}
		})
	}
}
