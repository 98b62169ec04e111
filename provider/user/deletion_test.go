package user

import (
	"errors"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestDeleteSurvivesCrash ends the process between the calls of Delete, and wants the
// resource to exist until user and policy are gone.
func TestDeleteSurvivesCrash(t *testing.T) {
	env := newReadyEnv(t)
	env.fail = "RemoveUser"
	env.user.DeletionTimestamp = new(metav1.Now())

	exists := func() bool {
		t.Helper()

		o, err := env.external().Observe(t.Context(), env.user)
		if err != nil {
			t.Fatalf("Observe(...): %v", err)
		}

		return o.ResourceExists
	}

	if _, err := env.external().Delete(t.Context(), env.user); !errors.Is(err, errInjected) {
		t.Fatalf("Delete(...): want the injected error, got %v", err)
	}

	if !exists() {
		t.Error("Observe(...): want the resource to exist while its policy does")
	}

	env.fail = ""

	if _, err := env.external().Delete(t.Context(), env.user); err != nil {
		t.Fatalf("Delete(...): %v", err)
	}

	if exists() {
		t.Error("Observe(...): want the resource not to exist after user and policy are removed")
	}
}

// TestDeleteOfAttachedPolicy wants the error to name to what else the user's own policy
// is attached.
func TestDeleteOfAttachedPolicy(t *testing.T) {
	env := newReadyEnv(t)
	env.attachedTo = []madmin.PolicyEntities{{Users: []string{"bob"}}}

	const want = `which is this user's own, is attached to user "bob": detach it from them; the policy is then deleted`
	if _, err := env.external().Delete(t.Context(), env.user); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Delete(...): want error %q, got %v", want, err)
	}
}

// TestDeleteWaitsForBuckets wants a user to be kept while a Bucket exists to which it
// has access.
func TestDeleteWaitsForBuckets(t *testing.T) {
	bucket := func(namespace, config string) *miniov1alpha1.Bucket {
		b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "photos"}}
		b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: "ClusterProviderConfig", Name: config}
		meta.SetExternalName(b, "photos")

		return b
	}

	cases := map[string]struct {
		reason string
		bucket *miniov1alpha1.Bucket
		remain miniov1alpha1.WhenBucketsRemain
		waits  bool
	}{
		"Granted": {
			reason: "A user with access to a Bucket that exists is kept.",
			bucket: bucket("team-a", "default"),
			waits:  true,
		},
		"OtherServer": {
			reason: "A bucket of the same name on another server is not granted.",
			bucket: bucket("team-a", "other"),
		},
		"OtherNamespace": {
			reason: "A grant by name concerns only Buckets of the user's own namespace.",
			bucket: bucket("team-b", "default"),
		},
		"Remove": {
			reason: "With Remove the user is removed at once.",
			bucket: bucket("team-a", "default"),
			remain: miniov1alpha1.WhenBucketsRemainRemove,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t, tc.bucket)
			env.settle()
			env.user.Spec.ForProvider.WhenBucketsRemain = tc.remain

			_, err := env.external().Delete(t.Context(), env.user)
			if (err != nil) != tc.waits || (env.fakeServer.user != nil) != tc.waits {
				t.Errorf("%s\nDelete(...): %v", tc.reason, err)
			}

			if tc.waits && !strings.Contains(err.Error(), `Bucket "team-a/photos"`) {
				t.Errorf("%s\nDelete(...): want the error to name the Bucket, got %v", tc.reason, err)
			}
		})
	}
}
