package user

import (
	"testing"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/google/go-cmp/cmp"
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

			before, d := env.secret().Data, env.secret().Data
			tc.change(d)
			env.edit(d)

			o, err := env.external().Observe(t.Context(), env.user)
			if err != nil {
				t.Fatal(err)
			}

			if o.ResourceUpToDate == tc.want || len(o.ConnectionDetails) > 0 {
				t.Errorf("%s\nwant details to be published: %t, by Update, got %+v", tc.reason, tc.want, o)
			}

			env.settle()
			env.wantWorkingKey(tc.reason)

			if diff := cmp.Diff(before, env.secret().Data); diff != "" || len(env.calls) > 0 {
				t.Errorf("%s\nwant no call, got %v, and the Secret to be restored: -want, +got:\n%s", tc.reason, env.calls, diff)
			}
		})
	}
}

// TestReadChangesNothing wants reading the connection Secret to leave the User as it
// is.
func TestReadChangesNothing(t *testing.T) {
	env := newReadyEnv(t)
	env.rotate("now")

	// Without a status the published generation is not the User's.
	env.user.Status = miniov1alpha1.UserStatus{}

	st, err := env.external().connection.read(t.Context(), env.user)
	if err != nil || len(st.details) == 0 || env.user.Status.AtProvider.Generation != 0 {
		t.Errorf("read(...): want details and no change, got %d details, generation %d, %v",
			len(st.details), env.user.Status.AtProvider.Generation, err)
	}

	if k, _ := st.key(env.user); k != "" {
		t.Error("key(...): want no key of another generation")
	}

	restoreGeneration(env.user, st, env.now)

	if k, current := st.key(env.user); k == "" || !current || env.user.Status.AtProvider.Generation != 1 {
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
