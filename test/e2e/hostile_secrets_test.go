//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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

				f.asTenant(t, "patch", "secret", secret(t, f.ns), "--type=merge", "--patch="+string(patch))
				f.waitRestored(t)
			})

			if kind == "Connection" {
				// Deleting it replaces the key, which TestClaimKeyReplaced checks.
				continue
			}

			t.Run(kind+"Deleted"+user, func(t *testing.T) {
				t.Parallel()

				f := newForgery(t, victim)
				f.asTenant(t, "delete", "secret", secret(t, f.ns))
				f.waitRestored(t)
			})
		}
	}
}

// TestTenantForgesReferences has a tenant add a ConfigMap to its claim's resourceRefs
// that is annotated as the claim's Bucket, with another tenant's bucket as external
// name, remove all references, and pause the claim. It checks that none of this has an
// effect, that the tenant's keys open no other bucket, and that the claim can still be
// changed.
func TestTenantForgesReferences(t *testing.T) {
	t.Parallel()

	const claim = "buckets.apps.cozystack.io/forged"

	f := newForgery(t, newVictim(t).Spec.BucketName)
	crossplane := func() string {
		return mustKubectl(t, "", "get", claim, "--namespace", f.ns, `--output=jsonpath={.spec.crossplane}{.metadata.annotations.crossplane\.io/paused}`)
	}
	before := crossplane()

	f.asTenant(t, "create", "configmap", "mine")
	f.asTenant(t, "annotate", "configmap", "mine", "crossplane.io/composition-resource-name=bucket", "crossplane.io/external-name="+f.victim)

	for change, args := range map[string][]string{
		"add the ConfigMap": {"--type=json", `--patch=[{"op": "add", "path": "/spec/crossplane/resourceRefs/-",` +
			` "value": {"apiVersion": "v1", "kind": "ConfigMap", "name": "mine"}}]`},
		"remove all references": {"--type=merge", `--patch={"spec": {"crossplane": {"resourceRefs": []}}}`},
		"remove the field":      {"--type=merge", `--patch={"spec": {"crossplane": null}}`},
		"pause the claim":       {"--type=merge", `--patch={"metadata": {"annotations": {"crossplane.io/paused": "true"}}}`},
	} {
		f.asTenant(t, append([]string{"patch", claim}, args...)...)

		if after := crossplane(); after != before {
			t.Errorf("%s: want no effect, got %s instead of %s", change, after, before)
		}
	}

	f.waitRestored(t)

	f.asTenant(t, "patch", claim, "--type=merge", `--patch={"spec": {"quota": "1Gi"}}`)
	waitReady(t, f.ns, "forged")

	if b := getBucket(t, f.ns, "forged"); b.Spec.ForProvider.Quota == nil {
		t.Error("want the claim to be composed after the tenant's changes")
	}
}

// TestClaimWithReferences creates claims that refer to a Pod, which Crossplane may not
// list and would wait for. It checks that a tenant's claim is composed, that Crossplane
// would not be sent to other objects by an administrator either, and that the
// references of a restored claim are replaced by its own.
func TestClaimWithReferences(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	mustKubectl(t, "", "create", "rolebinding", "tenant", "--namespace", ns, "--clusterrole=edit", "--user=tenant-of-"+ns)

	const claim = "{apiVersion: apps.cozystack.io/v1alpha1, kind: Bucket, metadata: {name: %s}, spec: {crossplane: {resourceRefs: [%s]}}}"

	await.For(t, "the tenant to be allowed to claim", func() error {
		_, err := plat.Kubectl(t.Context(), fmt.Sprintf(claim, "claimed", "{apiVersion: v1, kind: Pod, name: x}"),
			"apply", "--namespace", ns, "--as=tenant-of-"+ns, "-f", "-")

		return err
	})
	waitReady(t, ns, "claimed")

	mustKubectl(t, fmt.Sprintf(claim, "restored", "{apiVersion: minio.cistern.dev/v1alpha1, kind: Bucket, name: bucket-of-another-uid}"),
		"create", "--namespace", ns, "-f", "-")
	waitReady(t, ns, "restored")

	wantKubectlError(t, "", []string{
		"patch", "buckets.apps.cozystack.io/claimed", "--namespace", ns, "--type=json",
		`--patch=[{"op": "add", "path": "/spec/crossplane/resourceRefs/-", "value": {"apiVersion": "v1", "kind": "Pod", "name": "x"}}]`,
	}, "leave spec.crossplane.resourceRefs out")
}

// A forgery is a claim whose tenant tries to access the bucket of another tenant, the
// victim. It remembers the claim's Secrets as they were before.
type forgery struct {
	ns, victim string
	before     []*corev1.Secret
}

// newForgery applies the claim and gives its tenant the role edit.
func newForgery(t *testing.T, victim string) forgery {
	t.Helper()

	f := forgery{ns: newNamespace(t), victim: victim}
	mustKubectl(t, "", "create", "rolebinding", "tenant", "--namespace", f.ns, "--clusterrole=edit", "--user=tenant-of-"+f.ns)
	applyClaim(t, f.ns, "forged", "{users: {reader: {readonly: true}}}")
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

// asTenant runs kubectl as the tenant. It retries until the tenant's role is in effect.
func (f forgery) asTenant(t *testing.T, args ...string) {
	t.Helper()
	await.For(t, "the tenant to be allowed to "+args[0], func() error {
		_, err := plat.Kubectl(t.Context(), "", append(args, "--namespace", f.ns, "--as=tenant-of-"+f.ns)...)
		return err
	})
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
