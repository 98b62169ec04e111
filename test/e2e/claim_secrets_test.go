//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
)

// TestClaimForeignSecret applies a claim whose Secrets' names are taken by Secrets that
// exist already. It checks that these stay unchanged, that the claim names them, and
// that it becomes ready once they are deleted.
func TestClaimForeignSecret(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)

	var foreign []*corev1.Secret

	for _, name := range []string{"bucket-mine", "bucket-mine-credentials", "bucket-mine-reader", "bucket-mine-reader-credentials"} {
		s := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns},
			Data:       map[string][]byte{"mine": []byte("do not touch")},
		}
		create(t, s)

		foreign = append(foreign, s)
	}

	applyClaim(t, ns, "mine", "{users: {reader: {readonly: true}}}")

	for len(foreign) > 0 {
		names := make([]string, 0, len(foreign))
		for _, s := range foreign {
			names = append(names, s.Name)
		}

		// The claim names all of them once its Bucket and Users are ready.
		waitProvisioned(t, ns, "mine", tenantv1alpha1.ReasonSecretConflict, "are not this claim's: "+strings.Join(names, ", ")+";")

		if c := getClaim(t, ns, "mine").Status.GetCondition(xpv1.TypeReady); c.Status == corev1.ConditionTrue {
			t.Error("want the claim not to be ready without all its Secrets")
		}

		for _, s := range foreign {
			if diff := cmp.Diff(s, getSecret(t, ns, s.Name)); diff != "" {
				t.Errorf("the Secret was changed: -before, +after:\n%s", diff)
			}
		}

		if err := kube.Delete(ctx, foreign[0]); err != nil {
			t.Fatal(err)
		}

		foreign = foreign[1:]
	}

	waitReady(t, ns, "mine")
	wantCredentials(t, ns, "mine", "", "reader")
}

// TestClaimSecretRestored checks that a claim's Secret is created again with the same
// content after a tenant deleted it.
func TestClaimSecretRestored(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)

	applyMinimalClaim(t, ns, "careless")
	before := waitReady(t, ns, "careless")

	mustKubectl(t, "", "delete", "secret", "--namespace", ns, "bucket-careless")
	await.For(t, "the Secret to be created again", func() error {
		after, err := api.BucketInfo(ctx, kube, ns, "careless", "")
		if err == nil && !cmp.Equal(before, after) {
			err = errors.New("its content differs")
		}

		return err
	})
}

// TestClaimKeyReplaced deletes the connection Secret of a claim's User, with which its
// key is lost. It checks that the claim's Secret gets a new key, which works.
func TestClaimKeyReplaced(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)

	applyMinimalClaim(t, ns, "lost")
	before := waitReady(t, ns, "lost")
	uid := string(getClaim(t, ns, "lost").GetUID())

	mustKubectl(t, "", "delete", "secret", "--namespace", ns, "user-"+uid)
	reconcileNow(t, &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "bucket-" + uid}})

	await.For(t, "the claim's Secret to hold the new key", func() error {
		after, err := api.BucketInfo(ctx, kube, ns, "lost", "")
		if err == nil && after.Spec.SecretS3.AccessSecretKey == before.Spec.SecretS3.AccessSecretKey {
			err = errors.New("it holds the old key")
		}

		return err
	})

	after := waitReady(t, ns, "lost")
	if _, err := list(ctx, tenantClient(t, after), after.Spec.BucketName); err != nil {
		t.Errorf("the new key does not work: %v", err)
	}
}

// TestClaimSecretNameConflict applies two claims whose Secrets have the same names. It
// checks that the second claim reports the conflict, that the first is not affected,
// and that the second becomes ready once the first is deleted.
func TestClaimSecretNameConflict(t *testing.T) {
	t.Parallel()

	type testClaim struct{ name, spec, user string }

	var (
		withUser    = testClaim{name: "a", spec: "{users: {b: {}}}", user: "b"}
		asUser      = testClaim{name: "a-b", spec: "{}"}
		alone       = testClaim{name: "a", spec: "{}"}
		credentials = testClaim{name: "a-credentials", spec: "{}"}
	)

	cases := map[string]struct {
		reason        string
		first, second testClaim
		conflict      string
	}{
		"UserFirst": {
			reason: "Claim a with user b is followed by claim a-b.",
			first:  withUser, second: asUser, conflict: "bucket-a-b, bucket-a-b-credentials",
		},
		"UserSecond": {
			reason: "Claim a-b is followed by claim a with user b.",
			first:  asUser, second: withUser, conflict: "bucket-a-b, bucket-a-b-credentials",
		},
		"CredentialsFirst": {
			reason: "Claim a-credentials is followed by claim a.",
			first:  credentials, second: alone, conflict: "bucket-a-credentials",
		},
		"CredentialsSecond": {
			reason: "Claim a is followed by claim a-credentials.",
			first:  alone, second: credentials, conflict: "bucket-a-credentials",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Log(tc.reason)

			ns := newNamespace(t)
			applyClaim(t, ns, tc.first.name, tc.first.spec)
			first := waitReady(t, ns, tc.first.name)

			before := &corev1.SecretList{}
			if err := kube.List(t.Context(), before, client.InNamespace(ns)); err != nil {
				t.Fatal(err)
			}

			applyClaim(t, ns, tc.second.name, tc.second.spec)
			waitProvisioned(t, ns, tc.second.name, tenantv1alpha1.ReasonSecretConflict, "are not this claim's: "+tc.conflict+";")

			for _, s := range before.Items {
				after := getSecret(t, ns, s.Name)
				if s.ResourceVersion != after.ResourceVersion || !maps.EqualFunc(s.Data, after.Data, bytes.Equal) {
					t.Errorf("want the first claim's Secret %s not to be written", s.Name)
				}
			}

			if _, err := list(t.Context(), tenantClient(t, first), first.Spec.BucketName); err != nil {
				t.Errorf("the first claim's key no longer works: %v", err)
			}

			waitReady(t, ns, tc.first.name)
			mustKubectl(t, "", "delete", "--namespace", ns, "buckets.apps.cozystack.io/"+tc.first.name)

			second := waitReady(t, ns, tc.second.name)
			wantCredentials(t, ns, tc.second.name, "", tc.second.user)

			if second.Spec.BucketName == first.Spec.BucketName {
				t.Error("want each claim to have a bucket of its own")
			}
		})
	}
}
