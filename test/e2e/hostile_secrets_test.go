//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestTenantForgesSecrets has a tenant edit the Secrets of its claim so that they name
// another tenant's bucket, or delete them. It checks that the tenant's keys open no
// other bucket, and that the Secrets are restored.
func TestTenantForgesSecrets(t *testing.T) {
	t.Parallel()

	victim := newVictim(t).Spec.BucketName

	for _, user := range []string{"", "reader"} {
		for kind, secret := range map[string]func(t *testing.T, ns string) string{
			"BucketInfo":  func(*testing.T, string) string { return tenantv1alpha1.SecretNameFor("forged", user) },
			"Credentials": func(*testing.T, string) string { return tenantv1alpha1.CredentialsSecretNameFor("forged", user) },
			"Connection": func(t *testing.T, ns string) string {
				t.Helper()
				_, s := connectionNames(t, ns, "forged", user)

				return s
			},
		} {
			t.Run(kind+"Edited"+user, func(t *testing.T) {
				t.Parallel()

				f := newForgery(t, victim)
				document, formats := f.forgedData(t, user)

				data := formats
				if kind == "BucketInfo" {
					data = map[string][]byte{tenantv1alpha1.BucketInfoKey: document}
				}

				patch, err := json.Marshal(map[string]any{"data": data})
				if err != nil {
					t.Fatal(err)
				}

				f.kubectl(t, "", "patch", "secret", secret(t, f.ns), "--type=merge", "--patch="+string(patch))
				f.waitRestored(t)
			})

			if kind == "Connection" {
				// Deleting it replaces the key, which TestClaimKeyReplaced checks.
				continue
			}

			t.Run(kind+"Deleted"+user, func(t *testing.T) {
				t.Parallel()

				f := newForgery(t, victim)
				f.kubectl(t, "", "delete", "secret", secret(t, f.ns))
				f.waitRestored(t)
			})
		}
	}
}

// A forgery is a claim whose tenant tries to access the bucket of another tenant, the
// victim. It remembers the claim's Secrets as they were before.
type forgery struct {
	tenant

	victim string
	before []*corev1.Secret
}

// newForgery applies the claim and gives its tenant the role edit.
func newForgery(t *testing.T, victim string) forgery {
	t.Helper()

	f := forgery{tenant: newTenant(t), victim: victim}
	f.claim(t, "forged", "{users: {reader: {readonly: true}}}")
	waitReady(t, f.ns, "forged")

	for _, user := range []string{"", "reader"} {
		_, connection := connectionNames(t, f.ns, "forged", user)
		for _, name := range []string{
			connection, tenantv1alpha1.SecretNameFor("forged", user), tenantv1alpha1.CredentialsSecretNameFor("forged", user),
		} {
			f.before = append(f.before, getSecret(t, f.ns, name))
		}
	}

	return f
}

// forgedData returns a user's credentials with the victim's bucket and another
// endpoint, as a BucketInfo document and in all other formats.
func (f forgery) forgedData(t *testing.T, user string) (document []byte, formats map[string][]byte) {
	t.Helper()

	info := getBucketInfo(t, f.ns, "forged", user)
	info.Spec.BucketName, info.Spec.SecretS3.Endpoint, info.Spec.SecretS3.Region = f.victim, "https://evil.example.org", "evil"

	document, err := info.Document()
	if err != nil {
		t.Fatal(err)
	}

	s3 := info.Spec.SecretS3

	return document, miniov1alpha1.Connection{
		Endpoint: s3.Endpoint, Region: s3.Region, AccessKeyID: s3.AccessKeyID, SecretAccessKey: s3.AccessSecretKey, BucketName: f.victim,
	}.Details()
}

// waitRestored waits until the claim's Secrets are as before, and checks that its keys
// open no other bucket.
func (f forgery) waitRestored(t *testing.T) {
	t.Helper()

	users := []string{"", "reader"}

	await.For(t, "the Secrets to be as before", func() error {
		// The provider checks a connection Secret when it reconciles its User.
		for _, user := range users {
			resource, _ := connectionNames(t, f.ns, "forged", user)
			reconcileNow(t, &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: resource}})
		}

		// A reconcile that has read forged data may still write it.
		time.Sleep(3 * time.Second)

		for _, before := range f.before {
			s := &corev1.Secret{}
			if err := kube.Get(t.Context(), client.ObjectKeyFromObject(before), s); err != nil {
				return err
			}

			if !maps.EqualFunc(before.Data, s.Data, bytes.Equal) {
				return errors.New("Secret " + before.Name + " differs")
			}
		}

		return nil
	})
	waitReady(t, f.ns, "forged")
	wantCredentials(t, f.ns, "forged", users...)

	for _, user := range users {
		wantOwnBucketOnly(t, getBucketInfo(t, f.ns, "forged", user), f.victim)
	}
}
