//go:build e2e

package e2e

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
)

// A damage is what a tenant does to one of the Secrets of its claim.
type damage struct {
	reason string
	// change changes the Secret. It is deleted and made anew if its type changes.
	change func(s *corev1.Secret, claim types.UID, victim string)
	// reads is what the tenant reads about the Secret until it deletes it, by the kind of the
	// Secret. Without an entry the Secret is restored.
	reads map[string]string
	// mayHeal reports whether a controller that has not seen the damage yet restores the Secret.
	mayHeal bool
}

// withoutAnnotation is what Crossplane says of a claim if one of its objects is not said to be part of it.
const withoutAnnotation = "Synced False ReconcileError: cannot compose resources: cannot get existing composed resources: " +
	`encountered composed resource without required "crossplane.io/composition-resource-name" annotation`

// damages are all damages, by name.
var damages = map[string]damage{
	"Emptied": {
		reason: "The Secret holds nothing.",
		change: func(s *corev1.Secret, _ types.UID, _ string) { s.Data = nil },
	},
	"Immutable": {
		reason: "The Secret cannot be written.",
		change: func(s *corev1.Secret, _ types.UID, _ string) { s.Immutable = new(true) },
		reads: map[string]string{
			"BucketInfo":  `Provisioned False SecretOutdated: Secret "bucket-damaged" is immutable`,
			"Credentials": `Provisioned False SecretOutdated: Secret "bucket-damaged-credentials" is immutable`,
			"Connection":  "is immutable: delete it",
		},
	},
	"ImmutableAndEmpty": {
		reason: "The Secret holds nothing and cannot be written.",
		change: func(s *corev1.Secret, _ types.UID, _ string) { s.Data, s.Immutable = nil, new(true) },
		reads: map[string]string{
			"BucketInfo":  `Provisioned False SecretOutdated: Secret "bucket-damaged" is immutable`,
			"Credentials": `Provisioned False SecretOutdated: Secret "bucket-damaged-credentials" is immutable`,
			"Connection":  "is immutable: delete it",
		},
	},
	"Disowned": {
		reason: "The Secret has no controller.",
		change: func(s *corev1.Secret, _ types.UID, _ string) { s.OwnerReferences = nil },
	},
	"Unlabelled": {
		reason:  "The Secret is not said to be part of a claim.",
		change:  func(s *corev1.Secret, _ types.UID, _ string) { s.Labels, s.Annotations = nil, nil },
		reads:   map[string]string{"BucketInfo": withoutAnnotation, "Credentials": withoutAnnotation},
		mayHeal: true,
	},
	"Relabelled": {
		reason: "The Secret is said to be another resource of the claim, and of another one.",
		change: func(s *corev1.Secret, _ types.UID, victim string) {
			s.Labels = map[string]string{"crossplane.io/composite": "victim", "apps.cozystack.io/user-secret": "false"}
			s.Annotations = map[string]string{
				"crossplane.io/composition-resource-name": "bucket", "crossplane.io/external-name": victim, "crossplane.io/paused": "true",
			}
		},
	},
	"Retyped": {
		reason: "The type of a Secret cannot be changed.",
		change: func(s *corev1.Secret, _ types.UID, _ string) { retype(s) },
		reads: map[string]string{
			"BucketInfo": withoutAnnotation, "Credentials": withoutAnnotation,
			// Either the runtime or the provider finds it first; both name the type.
			"Connection": "Provisioned False WaitingForUser: waiting for the access key: ",
		},
	},
	"RetypedAsOurs": {
		reason: "A Secret of another type is said to be the claim's.",
		change: func(s *corev1.Secret, claim types.UID, _ string) {
			retype(s)
			s.OwnerReferences = []metav1.OwnerReference{{
				APIVersion: "apps.cozystack.io/v1alpha1", Kind: "Bucket", Name: "damaged", UID: claim, Controller: new(true),
			}}
		},
		reads: map[string]string{
			"BucketInfo": withoutAnnotation, "Credentials": withoutAnnotation,
			"Connection": "Provisioned False WaitingForUser: waiting for the access key: ",
		},
	},
}

// retype makes a Secret one of the tenant's own, of another type.
func retype(s *corev1.Secret) {
	s.ObjectMeta = metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name}
	s.Type, s.Data = corev1.SecretTypeBasicAuth, map[string][]byte{"username": []byte("me"), "password": []byte("mine")}
}

// TestTenantDamagesSecrets has a tenant damage each Secret of its claim in each way, and rotate its
// key. It checks that the Secret is restored, or what the tenant reads until it deletes the Secret,
// and that the claim becomes ready with a new key that opens its own bucket only.
func TestTenantDamagesSecrets(t *testing.T) {
	t.Parallel()

	victim := newVictim(t).Spec.BucketName

	for name, d := range damages {
		for _, kind := range []string{"BucketInfo", "Credentials", "Connection"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				t.Log(d.reason)

				f := newTenant(t)
				f.claim(t, "damaged", "{rotation: {overlap: 0s}}")
				before := waitReady(t, f.ns, "damaged")
				_, connection := connectionNames(t, f.ns, "damaged", "")

				secret := getSecret(t, f.ns, map[string]string{
					"BucketInfo": tenantv1alpha1.SecretNameFor("damaged", ""), "Credentials": tenantv1alpha1.CredentialsSecretNameFor("damaged", ""),
					"Connection": connection,
				}[kind])
				f.damage(t, d, secret, victim)
				f.claim(t, "damaged", "{rotation: {overlap: 0s, trigger: now}}")

				if reads, waits := d.reads[kind]; waits && (!d.mayHeal || !f.healed(t, before, reads)) {
					f.waitReads(t, "damaged", reads)
					f.kubectl(t, "", "delete", "secret", secret.Name)
				}

				after := f.waitRotated(t, "damaged", before)
				wantCredentials(t, f.ns, "damaged", "")
				wantOwnBucketOnly(t, after, victim)
			})
		}
	}
}

// damage changes a Secret as the tenant. If its type changes, the tenant deletes the Secret and
// creates another one before a controller does.
func (f tenant) damage(t *testing.T, d damage, s *corev1.Secret, victim string) {
	t.Helper()

	claim := getClaim(t, f.ns, "damaged").GetUID()

	await.For(t, "the Secret to be damaged", func() error {
		if err := f.kube.Get(t.Context(), client.ObjectKeyFromObject(s), s); err != nil {
			return err
		}

		was := s.DeepCopy()
		d.change(s, claim, victim)

		if s.Type == was.Type {
			return f.kube.Update(t.Context(), s)
		}

		if err := f.kube.Delete(t.Context(), was); err != nil && !apierrors.IsNotFound(err) {
			return err
		}

		return f.kube.Create(t.Context(), s)
	})
}

// healed waits until the tenant reads a text about its claim, and reports whether the next key was
// published instead.
func (f tenant) healed(t *testing.T, before tenantv1alpha1.BucketInfo, text string) bool {
	t.Helper()

	var published bool

	await.For(t, "the next key, or the text "+text, func() error {
		info, err := api.BucketInfo(t.Context(), kube, f.ns, "damaged", "")
		if published = err == nil && info.Spec.SecretS3.AccessKeyID != before.Spec.SecretS3.AccessKeyID; published {
			return nil
		}

		out, err := f.try("", "get", "buckets.apps.cozystack.io/damaged", readConditions)
		if err == nil && !strings.Contains(out, text) {
			err = errors.New(out)
		}

		return err
	})

	return published
}

// waitRotated waits until a claim is ready and all its Secrets hold another key than before.
func (f tenant) waitRotated(t *testing.T, claim string, before tenantv1alpha1.BucketInfo) tenantv1alpha1.BucketInfo {
	t.Helper()

	var info tenantv1alpha1.BucketInfo

	await.For(t, "the next key of "+claim, func() error {
		c, s := getClaim(t, f.ns, claim), &corev1.Secret{}
		_, connection := connectionNames(t, f.ns, claim, "")
		ready := c.Status.GetCondition(xpv1.TypeReady)

		var err error
		if info, err = api.BucketInfo(t.Context(), kube, f.ns, claim, ""); err != nil {
			return err
		}

		for _, name := range []string{connection, tenantv1alpha1.CredentialsSecretNameFor(claim, "")} {
			if err := kube.Get(t.Context(), types.NamespacedName{Namespace: f.ns, Name: name}, s); err != nil {
				return err
			}

			id := string(s.Data[miniov1alpha1.ConnectionKeyAccessKeyID])
			if id == before.Spec.SecretS3.AccessKeyID || id != info.Spec.SecretS3.AccessKeyID ||
				ready.Status != corev1.ConditionTrue || ready.ObservedGeneration != c.Generation {
				out, _ := f.try("", "get", "buckets.apps.cozystack.io/"+claim, readConditions)

				return errors.New(out)
			}
		}

		return nil
	})

	return info
}
