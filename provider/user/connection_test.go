package user

import (
	"testing"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// TestPublishesChanges wants connection details to be published only if the Secret
// holds others.
func TestPublishesChanges(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		change func(map[string][]byte)
		want   bool
	}{
		"Same": {
			reason: "Details that are published already are not published again.",
			change: func(map[string][]byte) {},
		},
		"Less": {
			reason: "A removed field is restored.",
			change: func(d map[string][]byte) { delete(d, miniov1alpha1.ConnectionKeyRegion) },
			want:   true,
		},
		"More": {
			reason: "An added field is removed.",
			change: func(d map[string][]byte) { d["note"] = []byte("mine") },
			want:   true,
		},
		"Edited": {
			reason: "An edited field is restored.",
			change: func(d map[string][]byte) { d[miniov1alpha1.ConnectionKeyRegion] = []byte("elsewhere") },
			want:   true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := newReadyEnv(t)
			env.store()

			d := env.secret().Data
			tc.change(d)
			env.publish(d)

			o, err := env.external().Observe(t.Context(), env.user)
			if err != nil {
				t.Fatal(err)
			}

			if got := len(o.ConnectionDetails) > 0; got != tc.want {
				t.Errorf("%s\nwant details to be published: %t, got %t", tc.reason, tc.want, got)
			}

			if !o.ResourceUpToDate || env.user.Status.AtProvider.PublishedHash == "" {
				t.Errorf("%s\nwant the user to be up to date, got %+v", tc.reason, env.user.Status)
			}
		})
	}
}

// TestReadChangesNothing wants reading the connection Secret to leave the User as it
// is.
func TestReadChangesNothing(t *testing.T) {
	env := newReadyEnv(t)
	env.user.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: "now"}
	env.settle()

	// Without a status the published generation is not the User's.
	env.user.Status = miniov1alpha1.UserStatus{}

	published, err := env.external().connection.read(t.Context(), env.user)
	if err != nil || len(published) == 0 || env.user.Status.AtProvider.Generation != 0 {
		t.Errorf("read(...): want details and no change, got %d details, generation %d, %v",
			len(published), env.user.Status.AtProvider.Generation, err)
	}

	if k := currentSecretKey(env.user, published); k != "" {
		t.Error("currentSecretKey(...): want no key of another generation")
	}

	restoreGeneration(env.user, published, env.now)

	if k := currentSecretKey(env.user, published); k == "" || env.user.Status.AtProvider.Generation != 1 {
		t.Errorf("restoreGeneration(...): want generation 1, got %d", env.user.Status.AtProvider.Generation)
	}
}

// TestHashFollowsDetails wants the hash to differ for different details.
func TestHashFollowsDetails(t *testing.T) {
	details := func(secretKey minio.Secret, region string) string {
		return hash(connection{region: region}.details(newUser(), secretKey))
	}

	first := details("one", "eu-1")
	if first != details("one", "eu-1") {
		t.Error("hash(...): want the same hash for the same details")
	}

	if first == details("two", "eu-1") || first == details("one", "us-1") {
		t.Error("hash(...): want different hashes for different details")
	}
}

// TestDetailsHoldCertificates wants the authorities of the server to be published with
// the key, and new ones to be noticed.
func TestDetailsHoldCertificates(t *testing.T) {
	const old, renewed = "the old certificate", "the renewed certificate"

	c := connection{endpoint: publicEndpoint, caCertificates: old}

	before := c.details(newUser(), "secret")
	if got := string(before[miniov1alpha1.ConnectionKeyCACertificates]); got != old {
		t.Errorf("details(...): want %q, got %q", old, got)
	}

	c.caCertificates = renewed
	if hash(before) == hash(c.details(newUser(), "secret")) {
		t.Error("hash(...): want another hash for other certificates")
	}
}
