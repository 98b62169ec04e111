//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// TestBucketValidation checks that the API server rejects invalid Buckets with
// messages that name the field and what is wrong with it.
func TestBucketValidation(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		reason      string
		forProvider string
		texts       []string
	}{
		"RetentionWithoutLocking": {
			reason:      "Only buckets with object locking have a retention.",
			forProvider: `{"retention":{"mode":"Governance","days":1}}`,
			texts:       []string{"retention needs objectLocking"},
		},
		"RetentionTwice": {
			reason:      "Retention is in days or in years, not both.",
			forProvider: `{"objectLocking":true,"retention":{"mode":"Governance","days":1,"years":1}}`,
			texts:       []string{"spec.forProvider.retention", "days", "years"},
		},
		"RetentionMode": {
			reason:      "The message names the unknown mode and the known ones.",
			forProvider: `{"objectLocking":true,"retention":{"mode":"GOVERNANCE","days":1}}`,
			texts:       []string{"spec.forProvider.retention.mode", `"GOVERNANCE"`, `"Governance"`},
		},
		"SuspendedLocking": {
			reason:      "Object locking needs versioning.",
			forProvider: `{"objectLocking":true,"versioning":"Suspended"}`,
			texts:       []string{"objectLocking needs versioning"},
		},
		"Versioning": {
			reason:      "Versioning cannot be disabled, only suspended.",
			forProvider: `{"versioning":"Disabled"}`,
			texts:       []string{"spec.forProvider.versioning", `"Enabled", "Suspended"`},
		},
		"NegativeQuota": {
			reason:      "A quota is positive, or 0 for none.",
			forProvider: `{"quota":"-1Gi"}`,
			texts:       []string{"spec.forProvider.quota", "quota cannot be negative"},
		},
		"FractionalQuota": {
			reason:      "A quota is whole bytes.",
			forProvider: `{"quota":"1500m"}`,
			texts:       []string{"spec.forProvider.quota", "quota must be whole bytes"},
		},
		"UnknownUnit": {
			reason:      "A quantity has one of Kubernetes' units.",
			forProvider: `{"quota":"10GB"}`,
			texts:       []string{"spec.forProvider.quota"},
		},
		"EmptyRule": {
			reason:      "A lifecycle rule has at least one action.",
			forProvider: `{"lifecycle":[{"prefix":"a/"}]}`,
			texts:       []string{"spec.forProvider.lifecycle[0]", "a lifecycle rule needs one of expireAfterDays"},
		},
		"ExpireAtOnce": {
			reason:      "The least is one day.",
			forProvider: `{"lifecycle":[{"expireAfterDays":0}]}`,
			texts:       []string{"spec.forProvider.lifecycle[0].expireAfterDays", "greater than or equal to 1"},
		},
		"TagWithoutKey": {
			reason:      "The key of a tag is not empty.",
			forProvider: `{"tags":{"":"gallery"}}`,
			texts:       []string{"spec.forProvider.tags", "a tag has a key"},
		},
		"EncryptionWithoutKey": {
			reason:      "SSE-KMS needs the name of a key.",
			forProvider: `{"encryption":{"type":"SSE-KMS"}}`,
			texts:       []string{"spec.forProvider.encryption", "type SSE-KMS needs kmsKeyID"},
		},
		"EncryptionWithUnusedKey": {
			reason:      "SSE-S3 uses the server's default key.",
			forProvider: `{"encryption":{"type":"SSE-S3","kmsKeyID":"cistern"}}`,
			texts:       []string{"spec.forProvider.encryption", "kmsKeyID needs type SSE-KMS"},
		},
		"AnonymousAccess": {
			reason:      "Anonymous uploads are not offered.",
			forProvider: `{"anonymousAccess":"Upload"}`,
			texts:       []string{"spec.forProvider.anonymousAccess", `"Upload"`, `"None", "Download"`},
		},
		"WhenNotEmpty": {
			reason:      "The message names the known values.",
			forProvider: `{"whenNotEmpty":"Delete"}`,
			texts:       []string{"spec.forProvider.whenNotEmpty", `"Refuse", "Purge"`},
		},
		"UnknownField": {
			reason:      "The message names the unknown field.",
			forProvider: `{"objectLock":true}`,
			texts:       []string{"spec.forProvider.objectLock"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Log(tc.reason)
			wantKubectlError(t,
				`{"apiVersion":"minio.cistern.dev/v1alpha1","kind":"Bucket","metadata":{"name":"invalid"},"spec":{"forProvider":`+tc.forProvider+`}}`,
				[]string{"create", "--dry-run=server", "--filename=-"}, tc.texts...)
		})
	}
}

// TestBucketObjectLocking checks that a bucket is created with object locking, and
// that locking, region and versioning can then no longer be changed.
func TestBucketObjectLocking(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "locking")
	b.Spec.ForProvider.ObjectLocking = true
	b.Spec.ForProvider.Region = new("us-east-1")
	create(t, b)
	waitAvailable(t, b)

	if lock, _, _, _, err := admin.S3.GetObjectLockConfig(t.Context(), b.Name); err != nil || lock != "Enabled" {
		t.Errorf("want object locking to be Enabled, got %q, %v", lock, err)
	}

	for field, f := range map[string]func(*miniov1alpha1.Bucket){
		"objectLocking": func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.ObjectLocking = false },
		"region":        func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Region = nil },
		"versioning":    func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningSuspended) },
	} {
		changed := b.DeepCopy()
		f(changed)

		if err := kube.Update(t.Context(), changed); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("change of %s: want an error that names the field, got %v", field, err)
		}
	}
}

// TestBucketRejectedByServer checks that Synced reports settings that only the server
// can reject, and that a corrected setting is applied.
func TestBucketRejectedByServer(t *testing.T) {
	t.Parallel()

	t.Run("QuotaBelowUsage", func(t *testing.T) {
		t.Parallel()

		b := newSettingBucket(t, bucketSettings["Quota"], func(*miniov1alpha1.BucketParameters) {})
		fillBucket(t, b.Name, 2<<20)

		await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Quota = new(resource.MustParse("1Mi")) })
		waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, "spec.forProvider.quota of 1Mi")
		bucketSettings["Quota"].waitFor(t, b.Name, "0")

		await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Quota = new(resource.MustParse("1Gi")) })
		waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionTrue, "")
		bucketSettings["Quota"].waitFor(t, b.Name, "1073741824")
	})

	t.Run("Tags", func(t *testing.T) {
		t.Parallel()

		b := newBucket(newNamespace(t), "bad-tag")
		b.Spec.ForProvider.Tags = map[string]string{"team": "gallery, archive"}
		create(t, b)
		waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, `spec.forProvider.tags["team"]`)

		await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Tags = map[string]string{"team": "gallery"} })
		waitAvailable(t, b)
		bucketSettings["Tags"].waitFor(t, b.Name, "map[team:gallery]")
	})

	t.Run("UnknownKMSKey", func(t *testing.T) {
		t.Parallel()

		b := newBucket(newNamespace(t), "unknown-key")
		b.Spec.ForProvider.Encryption = &miniov1alpha1.Encryption{Type: miniov1alpha1.EncryptionSSEKMS, KMSKeyID: "missing-key"}
		create(t, b)
		waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, `no key "missing-key"`)

		await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Encryption.KMSKeyID = platform.MinIOKMSKey })
		waitAvailable(t, b)
		bucketSettings["EncryptionWithKMS"].waitFor(t, b.Name, "aws:kms "+platform.MinIOKMSKey)
	})
}

// TestBucketSettingIsUndoneAfterAnotherFailed sets tags together with an encryption
// that the server rejects. It checks that the tags are set all the same, and are
// removed when the Bucket no longer has them.
func TestBucketSettingIsUndoneAfterAnotherFailed(t *testing.T) {
	t.Parallel()

	b := newBucket(newNamespace(t), "half-set")
	b.Spec.ForProvider.Tags = map[string]string{"team": "gallery"}
	b.Spec.ForProvider.Encryption = &miniov1alpha1.Encryption{Type: miniov1alpha1.EncryptionSSEKMS, KMSKeyID: "missing-key"}
	create(t, b)
	waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, `no key "missing-key"`)
	bucketSettings["Tags"].waitFor(t, b.Name, "map[team:gallery]")

	await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Tags, b.Spec.ForProvider.Encryption = nil, nil })
	waitAvailable(t, b)
	bucketSettings["Tags"].waitFor(t, b.Name, "")
}

// fillBucket writes an object of size bytes and waits until the server counts it in
// the bucket's usage.
func fillBucket(t *testing.T, bucket string, size int) {
	t.Helper()

	text := strings.NewReader(strings.Repeat("x", size))
	if _, err := admin.S3.PutObject(t.Context(), bucket, "precious", text, int64(size), miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	await.For(t, "the server to count the usage of bucket "+bucket, func() error {
		info, err := admin.AccountInfo(t.Context(), madmin.AccountOpts{})
		if err != nil {
			return err
		}

		for _, b := range info.Buckets {
			if b.Name == bucket && b.Size >= uint64(size) {
				return nil
			}
		}

		return fmt.Errorf("the usage is less than %d bytes", size)
	})
}

// TestBucketNameInvalid checks that Synced reports a name that Kubernetes accepts and
// MinIO does not, and that such a Bucket can be deleted.
func TestBucketNameInvalid(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		reason         string
		name, external string
	}{
		"Short":     {reason: "A name has at least 3 characters.", name: "ab"},
		"Long":      {reason: "A name has at most 63 characters.", name: strings.Repeat("x", 64)},
		"Address":   {reason: "A name is not an IP address.", name: "192.168.5.4"},
		"UpperCase": {reason: "A name is in lower case, also an external name.", name: "upper", external: "UPPER"},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			b := &miniov1alpha1.Bucket{}
			b.Namespace, b.Name = newNamespace(t), tc.name

			text := tc.name
			if tc.external != "" {
				meta.SetExternalName(b, tc.external)
				text = tc.external
			}

			create(t, b)
			waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, `"`+text+`"`)

			if err := kube.Delete(t.Context(), b); err != nil {
				t.Fatalf("%s\n%v", tc.reason, err)
			}

			await.Gone(t, kube, b)
		})
	}
}
