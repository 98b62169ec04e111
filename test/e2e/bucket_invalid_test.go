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

// TestBucketValidation asks for what no server is asked: the API server says what
// to correct.
func TestBucketValidation(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		reason      string
		forProvider string
		texts       []string
	}{
		"RetentionWithoutLocking": {
			reason:      "Objects of a bucket without locking cannot be retained.",
			forProvider: `{"retention":{"mode":"Governance","days":1}}`,
			texts:       []string{"retention needs objectLocking"},
		},
		"RetentionTwice": {
			reason:      "Retention is in days or years.",
			forProvider: `{"objectLocking":true,"retention":{"mode":"Governance","days":1,"years":1}}`,
			texts:       []string{"spec.forProvider.retention", "days", "years"},
		},
		"RetentionMode": {
			reason:      "A mode that is none is named.",
			forProvider: `{"objectLocking":true,"retention":{"mode":"GOVERNANCE","days":1}}`,
			texts:       []string{"spec.forProvider.retention.mode", `"GOVERNANCE"`, `"Governance"`},
		},
		"SuspendedLocking": {
			reason:      "Locking needs versions.",
			forProvider: `{"objectLocking":true,"versioning":"Suspended"}`,
			texts:       []string{"objectLocking needs versioning"},
		},
		"Versioning": {
			reason:      "A bucket cannot become unversioned.",
			forProvider: `{"versioning":"Disabled"}`,
			texts:       []string{"spec.forProvider.versioning", `"Enabled", "Suspended"`},
		},
		"NoQuota": {
			reason:      "0 would mean none to the server.",
			forProvider: `{"quota":0}`,
			texts:       []string{"spec.forProvider.quota", "quota must be more than 0"},
		},
		"NegativeQuota": {
			reason:      "Less than nothing is no quota.",
			forProvider: `{"quota":"-1Gi"}`,
			texts:       []string{"spec.forProvider.quota", "quota must be more than 0"},
		},
		"FractionalQuota": {
			reason:      "There is no half of a byte.",
			forProvider: `{"quota":"1500m"}`,
			texts:       []string{"spec.forProvider.quota", "quota must be whole bytes"},
		},
		"NoQuantity": {
			reason:      "A unit that is none is refused.",
			forProvider: `{"quota":"10GB"}`,
			texts:       []string{"spec.forProvider.quota"},
		},
		"EmptyRule": {
			reason:      "A rule that deletes nothing is a mistake.",
			forProvider: `{"lifecycle":[{"prefix":"a/"}]}`,
			texts:       []string{"spec.forProvider.lifecycle[0]", "a lifecycle rule needs one of expireAfterDays"},
		},
		"ExpireAtOnce": {
			reason:      "Days are whole, and one at least.",
			forProvider: `{"lifecycle":[{"expireAfterDays":0}]}`,
			texts:       []string{"spec.forProvider.lifecycle[0].expireAfterDays", "greater than or equal to 1"},
		},
		"TagWithoutKey": {
			reason:      "A tag has a key.",
			forProvider: `{"tags":{"":"gallery"}}`,
			texts:       []string{"spec.forProvider.tags", "a tag has a key"},
		},
		"EncryptionWithoutKey": {
			reason:      "SSE-KMS is with a key by name.",
			forProvider: `{"encryption":{"type":"SSE-KMS"}}`,
			texts:       []string{"spec.forProvider.encryption", "type SSE-KMS needs kmsKeyID"},
		},
		"EncryptionWithNeedlessKey": {
			reason:      "SSE-S3 is with the server's own key.",
			forProvider: `{"encryption":{"type":"SSE-S3","kmsKeyID":"cistern"}}`,
			texts:       []string{"spec.forProvider.encryption", "kmsKeyID needs type SSE-KMS"},
		},
		"AnonymousAccess": {
			reason:      "Nobody uploads without a key.",
			forProvider: `{"anonymousAccess":"Upload"}`,
			texts:       []string{"spec.forProvider.anonymousAccess", `"Upload"`, `"None", "Download"`},
		},
		"WhenNotEmpty": {
			reason:      "What to do with what is left is not guessed.",
			forProvider: `{"whenNotEmpty":"Delete"}`,
			texts:       []string{"spec.forProvider.whenNotEmpty", `"Refuse", "Purge"`},
		},
		"UnknownField": {
			reason:      "A field that is misspelt is named.",
			forProvider: `{"objectLock":true}`,
			texts:       []string{"spec.forProvider.objectLock"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Log(tc.reason)
			wantKubectlError(t, `{"apiVersion":"minio.cistern.dev/v1alpha1","kind":"Bucket","metadata":{"name":"refused"},"spec":{"forProvider":`+tc.forProvider+`}}`,
				[]string{"create", "--dry-run=server", "--filename=-"}, tc.texts...)
		})
	}
}

// TestBucketObjectLocking makes a bucket whose objects can be locked.
func TestBucketObjectLocking(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "locking")
	b.Spec.ForProvider.ObjectLocking = true
	b.Spec.ForProvider.Region = new("us-east-1")
	create(t, b)
	waitAvailable(t, b)

	if lock, _, _, _, err := admin.S3.GetObjectLockConfig(t.Context(), b.Name); err != nil || lock != "Enabled" {
		t.Errorf("want object locking, got %q, %v", lock, err)
	}

	for field, f := range map[string]func(*miniov1alpha1.Bucket){
		"objectLocking": func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.ObjectLocking = false },
		"region":        func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Region = nil },
		"versioning":    func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Versioning = new(miniov1alpha1.VersioningSuspended) },
	} {
		changed := b.DeepCopy()
		f(changed)

		if err := kube.Update(t.Context(), changed); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("change of %s: want it to be refused by name, got %v", field, err)
		}
	}
}

// TestBucketRejectedByServer asks for what only the server knows to be
// impossible.
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
		b.Spec.ForProvider.Encryption = &miniov1alpha1.Encryption{Type: miniov1alpha1.EncryptionSSEKMS, KMSKeyID: "nobodys-key"}
		create(t, b)
		waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, `no key "nobodys-key"`)

		await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Encryption.KMSKeyID = platform.MinIOKMSKey })
		waitAvailable(t, b)
		bucketSettings["EncryptionWithKMS"].waitFor(t, b.Name, "aws:kms "+platform.MinIOKMSKey)
	})
}

// TestBucketSettingIsUndoneAfterAnotherFailed sets tags beside an encryption that
// fails: the tags were set nevertheless, and are undone with it.
func TestBucketSettingIsUndoneAfterAnotherFailed(t *testing.T) {
	t.Parallel()

	b := newBucket(newNamespace(t), "half-set")
	b.Spec.ForProvider.Tags = map[string]string{"team": "gallery"}
	b.Spec.ForProvider.Encryption = &miniov1alpha1.Encryption{Type: miniov1alpha1.EncryptionSSEKMS, KMSKeyID: "nobodys-key"}
	create(t, b)
	waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, `no key "nobodys-key"`)
	bucketSettings["Tags"].waitFor(t, b.Name, "map[team:gallery]")

	await.Change(t, kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Tags, b.Spec.ForProvider.Encryption = nil, nil })
	waitAvailable(t, b)
	bucketSettings["Tags"].waitFor(t, b.Name, "")
}

// fillBucket puts an object of a size into a bucket, and waits until the server has
// counted it.
func fillBucket(t *testing.T, bucket string, size int) {
	t.Helper()

	text := strings.NewReader(strings.Repeat("x", size))
	if _, err := admin.S3.PutObject(t.Context(), bucket, "precious", text, int64(size), miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	await.For(t, "the server to count what bucket "+bucket+" holds", func() error {
		info, err := admin.AccountInfo(t.Context(), madmin.AccountOpts{})
		if err != nil {
			return err
		}

		for _, b := range info.Buckets {
			if b.Name == bucket && b.Size >= uint64(size) {
				return nil
			}
		}

		return fmt.Errorf("it has counted less than %d bytes", size)
	})
}

// TestBucketNameInvalid uses names that Kubernetes takes and MinIO does not: Synced
// says so, and the resource can go.
func TestBucketNameInvalid(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		reason         string
		name, external string
	}{
		"Short":     {reason: "A name has 3 characters at least.", name: "ab"},
		"Long":      {reason: "A name has 63 characters at most.", name: strings.Repeat("x", 64)},
		"Address":   {reason: "A name does not look like an address.", name: "192.168.5.4"},
		"UpperCase": {reason: "A name is in lower case, also one that is adopted.", name: "upper", external: "UPPER"},
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
