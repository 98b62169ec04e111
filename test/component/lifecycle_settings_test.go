//go:build e2e

package component

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"
	kresource "k8s.io/apimachinery/pkg/api/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// everySetting returns the parameters of a bucket with every setting set that the server has: one
// without a KMS encrypts nothing.
func everySetting() miniov1alpha1.BucketParameters {
	p := miniov1alpha1.BucketParameters{
		ObjectLocking: true,
		Retention:     &miniov1alpha1.Retention{Mode: miniov1alpha1.RetentionGovernance, Days: new(int32(2))},
		Versioning:    new(miniov1alpha1.VersioningEnabled),
		Quota:         new(kresource.MustParse("1Gi")),
		Lifecycle: []miniov1alpha1.LifecycleRule{
			{
				Prefix: "old/", ExpireAfterDays: new(int32(3)),
				ExpireNoncurrentAfterDays: new(int32(4)), AbortIncompleteUploadsAfterDays: new(int32(5)),
			},
		},
		Tags:            map[string]string{"team": "a"},
		AnonymousAccess: new(miniov1alpha1.AnonymousAccessDownload),
		WhenNotEmpty:    miniov1alpha1.WhenNotEmptyPurge,
	}
	if key := env.Server.KMSKey; key != "" {
		p.Encryption = &miniov1alpha1.Encryption{Type: miniov1alpha1.EncryptionSSEKMS, KMSKeyID: key}
	}

	return p
}

// everySettingServed returns the settings on the server of a bucket with those of everySetting.
func everySettingServed() map[string]string {
	served := map[string]string{
		"versioning": "Enabled",
		"retention":  "GOVERNANCE 2 DAYS",
		"quota":      "1073741824",
		"lifecycle":  "old/ 3 4",
		"tags":       "map[team:a]",
		"policy":     "s3:GetObject",
	}
	if key := env.Server.KMSKey; key != "" {
		served["encryption"] = "aws:kms " + key
	}

	return served
}

// noSettingServed are the settings of the same bucket after each was undone. Versioning cannot be
// undone on a bucket with object locking.
var noSettingServed = map[string]string{"versioning": "Enabled"}

// serves returns an error unless a bucket has exactly these settings on the server. It
// reads them one by one, in contrast to the provider, which exports them together.
func serves(ctx context.Context, bucket string, want map[string]string) error {
	got := make(map[string]string)

	for field, read := range map[string]func() (string, error){
		"versioning": func() (string, error) {
			v, err := env.Server.S3.GetBucketVersioning(ctx, bucket)

			return v.Status, err
		},
		"retention": func() (string, error) {
			_, mode, validity, unit, err := env.Server.S3.GetObjectLockConfig(ctx, bucket)
			if err != nil || mode == nil || validity == nil || unit == nil {
				return "", err
			}

			return fmt.Sprintf("%s %d %s", *mode, *validity, *unit), nil
		},
		"quota": func() (string, error) {
			q, err := env.Server.GetBucketQuota(ctx, bucket)
			if err != nil || q.Size == 0 {
				return "", err
			}

			return fmt.Sprint(q.Size), nil
		},
		"lifecycle": func() (string, error) { return readLifecycle(ctx, bucket) },
		"tags": func() (string, error) {
			t, err := env.Server.S3.GetBucketTagging(ctx, bucket)
			if err != nil {
				return "", err
			}

			return fmt.Sprint(t.ToMap()), nil
		},
		"encryption": func() (string, error) {
			e, err := env.Server.S3.GetBucketEncryption(ctx, bucket)
			if err != nil {
				return "", err
			}

			return e.Rules[0].Apply.SSEAlgorithm + " " + e.Rules[0].Apply.KmsMasterKeyID, nil
		},
		"policy": func() (string, error) {
			p, err := env.Server.S3.GetBucketPolicy(ctx, bucket)
			if strings.Contains(p, "s3:GetObject") {
				p = "s3:GetObject"
			}

			return p, err
		},
	} {
		text, err := read()
		if err != nil && !unset(err) {
			return fmt.Errorf("cannot read %s of bucket %q: %w", field, bucket, err)
		}

		if text != "" {
			got[field] = text
		}
	}

	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("settings of bucket %q: -want, +got:\n%s", bucket, diff)
	}

	return nil
}

// readLifecycle returns the lifecycle rules of a bucket as a text.
func readLifecycle(ctx context.Context, bucket string) (string, error) {
	c, err := env.Server.S3.GetBucketLifecycle(ctx, bucket)
	if err != nil {
		return "", err
	}

	texts := make([]string, 0, len(c.Rules))
	for _, r := range c.Rules {
		noncurrent := r.NoncurrentVersionExpiration.NoncurrentDays
		texts = append(texts, fmt.Sprintf("%s %d %d", r.RuleFilter.Prefix, r.Expiration.Days, noncurrent))
	}

	slices.Sort(texts)

	return strings.Join(texts, ", "), nil
}

// unset reports whether an error means that a bucket does not have a setting.
func unset(err error) bool {
	return slices.Contains([]string{
		"NoSuchLifecycleConfiguration", "NoSuchTagSet", "NoSuchTagSetError", "ServerSideEncryptionConfigurationNotFoundError",
		"ObjectLockConfigurationNotFoundError", "NoSuchBucketPolicy",
	}, miniogo.ToErrorResponse(err).Code)
}

// settingsLifecycle sets every setting, undoes each, and purges the bucket.
func settingsLifecycle(t *testing.T) lifecycle {
	t.Helper()

	before := inventory(t)
	b := newBucket(newNamespace(t), "settings")
	b.Spec.ForProvider = everySetting()

	done := func(want map[string]string) func() error {
		return func() error {
			if err := settled(t.Context(), b); err != nil {
				return err
			}

			if err := serves(t.Context(), b.Name, want); err != nil {
				return err
			}

			return gained(t, before, 1, 0, 0, 0)
		}
	}

	remove := deletion(t, b, before, "POST bucket?delete", "DELETE bucket", "PATCH buckets")
	deleteNow := remove.start
	remove.start = func(t *testing.T) {
		t.Helper()
		putObject(t, b.Name)
		deleteNow(t)
	}

	settings := []string{
		"PUT bucket", "PATCH buckets", "PUT buckets/status", "PUT bucket?object-lock", "set-bucket-quota",
		"PUT bucket?lifecycle", "PUT bucket?tagging", "PUT bucket?encryption", "PUT bucket?policy",
	}
	undone := []string{
		"PUT bucket?object-lock", "set-bucket-quota",
		"DELETE bucket?lifecycle", "DELETE bucket?tagging", "DELETE bucket?encryption", "DELETE bucket?policy",
	}

	if env.Server.KMSKey == "" {
		encryption := func(call string) bool { return strings.HasSuffix(call, "?encryption") }
		settings, undone = slices.DeleteFunc(settings, encryption), slices.DeleteFunc(undone, encryption)
	}

	return lifecycle{mg: b, phases: []phase{
		{
			name:   "Create",
			start:  func(t *testing.T) { t.Helper(); create(t, b) },
			done:   done(everySettingServed()),
			writes: settings,
		},
		{
			name: "Undo",
			start: func(t *testing.T) {
				t.Helper()
				await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) {
					b.Spec.ForProvider = miniov1alpha1.BucketParameters{ObjectLocking: true, WhenNotEmpty: miniov1alpha1.WhenNotEmptyPurge}
				})
			},
			done:   done(noSettingServed),
			writes: undone,
		},
		remove,
	}}
}
