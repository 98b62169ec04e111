//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/sse"
	"github.com/minio/minio-go/v7/pkg/tags"
	"k8s.io/apimachinery/pkg/api/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// A bucketSetting is a setting of a Bucket, with two values for it, a value that an
// administrator sets on the server, and what the server then holds.
type bucketSetting struct {
	reason string
	field  string
	// locking reports whether the setting needs a bucket with object locking.
	locking bool

	set, change, remove func(*miniov1alpha1.BucketParameters)
	// drift changes the setting on the server.
	drift func(ctx context.Context, bucket string) error
	// get returns the setting on the server, as a text.
	get func(ctx context.Context, bucket string) (string, error)

	// What get returns after set, change, drift and remove.
	wantSet, wantChanged, wantDrifted, wantRemoved string
}

// bucketSettings are all settings of a Bucket that can be set, changed and removed.
var bucketSettings = map[string]bucketSetting{
	"Versioning": {
		reason:      "Versioning cannot be removed, only suspended.",
		field:       "versioning",
		set:         func(p *miniov1alpha1.BucketParameters) { p.Versioning = new(miniov1alpha1.VersioningSuspended) },
		change:      func(p *miniov1alpha1.BucketParameters) { p.Versioning = new(miniov1alpha1.VersioningEnabled) },
		remove:      func(p *miniov1alpha1.BucketParameters) { p.Versioning = nil },
		get:         getVersioning,
		drift:       func(ctx context.Context, bucket string) error { return admin.S3.SuspendVersioning(ctx, bucket) },
		wantSet:     "Suspended",
		wantChanged: "Enabled",
		wantDrifted: "Suspended",
		wantRemoved: "Suspended",
	},
	"Quota": {
		reason: "A quota is applied in bytes, in whatever unit it is written.",
		field:  "quota",
		set:    func(p *miniov1alpha1.BucketParameters) { p.Quota = new(resource.MustParse("10Gi")) },
		change: func(p *miniov1alpha1.BucketParameters) { p.Quota = new(resource.MustParse("0.5Gi")) },
		remove: func(p *miniov1alpha1.BucketParameters) { p.Quota = nil },
		get:    getQuota,
		drift: func(ctx context.Context, bucket string) error {
			return admin.SetBucketQuota(ctx, bucket, &madmin.BucketQuota{Quota: 1 << 20, Size: 1 << 20, Type: madmin.HardQuota})
		},
		wantSet:     "10737418240",
		wantChanged: "536870912",
		wantDrifted: "1048576",
		wantRemoved: "0",
	},
	"Lifecycle": {
		reason: "Rules keep their order. The provider aborts incomplete uploads itself, without a rule on the server.",
		field:  "lifecycle",
		set: func(p *miniov1alpha1.BucketParameters) {
			p.Lifecycle = []miniov1alpha1.LifecycleRule{
				{Prefix: "incoming/", ExpireAfterDays: new(int32(30))},
				{ExpireNoncurrentAfterDays: new(int32(90)), AbortIncompleteUploadsAfterDays: new(int32(7))},
				{AbortIncompleteUploadsAfterDays: new(int32(1))},
			}
		},
		change: func(p *miniov1alpha1.BucketParameters) {
			p.Lifecycle = []miniov1alpha1.LifecycleRule{{Prefix: "a & b/", ExpireAfterDays: new(int32(1)), ExpireNoncurrentAfterDays: new(int32(2))}}
		},
		remove:      func(p *miniov1alpha1.BucketParameters) { p.Lifecycle = nil },
		get:         getLifecycle,
		drift:       expireAfterAWeek,
		wantSet:     `"incoming/": 30, 0; "": 0, 90`,
		wantChanged: `"a & b/": 1, 2`,
		wantDrifted: `"": 7, 0`,
	},
	"Tags": {
		reason: "Tags that are not in the spec are removed.",
		field:  "tags",
		set:    func(p *miniov1alpha1.BucketParameters) { p.Tags = map[string]string{"team": "gallery", "empty": ""} },
		change: func(p *miniov1alpha1.BucketParameters) { p.Tags = map[string]string{"team": "archive + more"} },
		remove: func(p *miniov1alpha1.BucketParameters) { p.Tags = nil },
		get:    getTags,
		drift: func(ctx context.Context, bucket string) error {
			ts, err := tags.NewTags(map[string]string{"team": "archive + more", "by": "hand"}, false)
			if err != nil {
				return err
			}

			return admin.S3.SetBucketTagging(ctx, bucket, ts)
		},
		wantSet:     "map[empty: team:gallery]",
		wantChanged: "map[team:archive + more]",
		wantDrifted: "map[by:hand team:archive + more]",
	},
	"EncryptionWithKMS": {
		reason: "Encryption changes from the server's default key to a named key.",
		field:  "encryption",
		set: func(p *miniov1alpha1.BucketParameters) {
			p.Encryption = &miniov1alpha1.Encryption{Type: miniov1alpha1.EncryptionSSES3}
		},
		change: func(p *miniov1alpha1.BucketParameters) {
			p.Encryption = &miniov1alpha1.Encryption{Type: miniov1alpha1.EncryptionSSEKMS, KMSKeyID: platform.MinIOKMSKey}
		},
		remove:      func(p *miniov1alpha1.BucketParameters) { p.Encryption = nil },
		get:         getEncryption,
		drift:       encryptByDefault,
		wantSet:     "AES256 ",
		wantChanged: "aws:kms " + platform.MinIOKMSKey,
		wantDrifted: "AES256 ",
	},
	"EncryptionByDefaultKey": {
		reason: "Encryption changes from a named key to the default key, and is restored when it is removed on the server.",
		field:  "encryption",
		set: func(p *miniov1alpha1.BucketParameters) {
			p.Encryption = &miniov1alpha1.Encryption{Type: miniov1alpha1.EncryptionSSEKMS, KMSKeyID: platform.MinIOKMSKey}
		},
		change: func(p *miniov1alpha1.BucketParameters) {
			p.Encryption = &miniov1alpha1.Encryption{Type: miniov1alpha1.EncryptionSSES3}
		},
		remove:      func(p *miniov1alpha1.BucketParameters) { p.Encryption = nil },
		get:         getEncryption,
		drift:       func(ctx context.Context, bucket string) error { return admin.S3.RemoveBucketEncryption(ctx, bucket) },
		wantSet:     "aws:kms " + platform.MinIOKMSKey,
		wantChanged: "AES256 ",
	},
	"AnonymousDownload": {
		reason: "Download lets anonymous clients read objects, but not list them.",
		field:  "anonymousAccess",
		set:    func(p *miniov1alpha1.BucketParameters) { p.AnonymousAccess = new(miniov1alpha1.AnonymousAccessNone) },
		change: func(p *miniov1alpha1.BucketParameters) {
			p.AnonymousAccess = new(miniov1alpha1.AnonymousAccessDownload)
		},
		remove:      func(p *miniov1alpha1.BucketParameters) { p.AnonymousAccess = nil },
		get:         getAnonymousAccess,
		drift:       listAnonymously,
		wantSet:     "read: AccessDenied, list: AccessDenied",
		wantChanged: "read: OK, list: AccessDenied",
		wantDrifted: "read: AccessDenied, list: OK",
		wantRemoved: "read: AccessDenied, list: AccessDenied",
	},
	"AnonymousNone": {
		reason: "None removes a bucket policy that was set on the server.",
		field:  "anonymousAccess",
		set: func(p *miniov1alpha1.BucketParameters) {
			p.AnonymousAccess = new(miniov1alpha1.AnonymousAccessDownload)
		},
		change:      func(p *miniov1alpha1.BucketParameters) { p.AnonymousAccess = new(miniov1alpha1.AnonymousAccessNone) },
		remove:      func(p *miniov1alpha1.BucketParameters) { p.AnonymousAccess = nil },
		get:         getAnonymousAccess,
		drift:       listAnonymously,
		wantSet:     "read: OK, list: AccessDenied",
		wantChanged: "read: AccessDenied, list: AccessDenied",
		wantDrifted: "read: AccessDenied, list: OK",
		wantRemoved: "read: AccessDenied, list: AccessDenied",
	},
	"Retention": {
		reason:  "Removing the retention removes the bucket's default lock.",
		field:   "retention",
		locking: true,
		set: func(p *miniov1alpha1.BucketParameters) {
			p.Retention = &miniov1alpha1.Retention{Mode: miniov1alpha1.RetentionGovernance, Days: new(int32(1))}
		},
		change: func(p *miniov1alpha1.BucketParameters) {
			p.Retention = &miniov1alpha1.Retention{Mode: miniov1alpha1.RetentionCompliance, Years: new(int32(2))}
		},
		remove: func(p *miniov1alpha1.BucketParameters) { p.Retention = nil },
		get:    getRetention,
		drift: func(ctx context.Context, bucket string) error {
			return admin.S3.SetObjectLockConfig(ctx, bucket, new(miniogo.Governance), new(uint(3)), new(miniogo.Days))
		},
		wantSet:     "GOVERNANCE 1 DAYS",
		wantChanged: "COMPLIANCE 2 YEARS",
		wantDrifted: "GOVERNANCE 3 DAYS",
	},
}

func getVersioning(ctx context.Context, bucket string) (string, error) {
	v, err := admin.S3.GetBucketVersioning(ctx, bucket)

	return v.Status, err
}

// getQuota returns the quota in bytes. Older clients set it as Quota, newer ones as
// Size.
func getQuota(ctx context.Context, bucket string) (string, error) {
	q, err := admin.GetBucketQuota(ctx, bucket)

	return fmt.Sprint(max(q.Quota, q.Size)), err
}

// getLifecycle returns of each rule the prefix, and after how many days objects and
// noncurrent versions expire.
func getLifecycle(ctx context.Context, bucket string) (string, error) {
	l, err := admin.S3.GetBucketLifecycle(ctx, bucket)
	if err != nil {
		return "", unlessCode(err, "NoSuchLifecycleConfiguration")
	}

	rules := make([]string, 0, len(l.Rules))
	for _, r := range l.Rules {
		rules = append(rules, fmt.Sprintf("%q: %d, %d",
			r.Prefix+r.RuleFilter.Prefix, r.Expiration.Days, r.NoncurrentVersionExpiration.NoncurrentDays))
	}

	return strings.Join(rules, "; "), nil
}

func getTags(ctx context.Context, bucket string) (string, error) {
	ts, err := admin.S3.GetBucketTagging(ctx, bucket)
	if err != nil {
		return "", unlessCode(err, "NoSuchTagSet")
	}

	return fmt.Sprint(ts.ToMap()), nil
}

func getEncryption(ctx context.Context, bucket string) (string, error) {
	c, err := admin.S3.GetBucketEncryption(ctx, bucket)
	if err != nil {
		return "", unlessCode(err, "ServerSideEncryptionConfigurationNotFoundError")
	}

	apply := c.Rules[0].Apply

	return apply.SSEAlgorithm + " " + strings.TrimPrefix(apply.KmsMasterKeyID, "arn:aws:kms:"), nil
}

// getAnonymousAccess returns how the server answers reading and listing without a
// key.
func getAnonymousAccess(ctx context.Context, bucket string) (string, error) {
	if err := put(ctx, admin.S3, bucket, "photo"); err != nil {
		return "", err
	}

	anonymous, err := api.S3(plat, platform.MinIOInsideURL, "", "")
	if err != nil {
		return "", err
	}

	o, _, _, err := (&miniogo.Core{Client: anonymous}).GetObject(ctx, bucket, "photo", miniogo.GetObjectOptions{})
	if err == nil {
		_ = o.Close()
	}

	_, listErr := list(ctx, anonymous, bucket)

	return "read: " + codeOf(err) + ", list: " + codeOf(listErr), nil
}

func getRetention(ctx context.Context, bucket string) (string, error) {
	_, mode, validity, unit, err := admin.S3.GetObjectLockConfig(ctx, bucket)
	if err != nil || mode == nil {
		return "", err
	}

	return fmt.Sprint(*mode, " ", *validity, " ", *unit), nil
}

func expireAfterAWeek(ctx context.Context, bucket string) error {
	return admin.S3.SetBucketLifecycle(ctx, bucket, &lifecycle.Configuration{Rules: []lifecycle.Rule{
		{ID: "by-hand", Status: "Enabled", Expiration: lifecycle.Expiration{Days: 7}},
	}})
}

func encryptByDefault(ctx context.Context, bucket string) error {
	return admin.S3.SetBucketEncryption(ctx, bucket, sse.NewConfigurationSSES3())
}

func listAnonymously(ctx context.Context, bucket string) error {
	return admin.S3.SetBucketPolicy(ctx, bucket, `{"Version":"2012-10-17","Statement":[`+
		`{"Effect":"Allow","Principal":"*","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::`+bucket+`"]}]}`)
}

// codeOf returns the code of a server's error, and OK if there is no error.
func codeOf(err error) string {
	if err == nil {
		return "OK"
	}

	return miniogo.ToErrorResponse(err).Code
}

// unlessCode returns err, or nil if its code is the one by which the server reports
// that a setting is not there.
func unlessCode(err error, code string) error {
	if codeOf(err) == code {
		return nil
	}

	return err
}
