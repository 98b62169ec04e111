//go:build e2e

package extras

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/notification"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	ilm "github.com/cistern-dev/cistern/apis/extras/ilm/v1alpha1"
	kms "github.com/cistern-dev/cistern/apis/extras/kms/v1alpha1"
	s3 "github.com/cistern-dev/cistern/apis/extras/s3/v1alpha1"
	"github.com/cistern-dev/cistern/test/component"
)

// errNotFound is returned by matches if the server does not have the external resource.
var errNotFound = errors.New("the server does not have it")

// lifecycles returns the lifecycle of each kind.
func lifecycles() map[string]lifecycle {
	return map[string]lifecycle{
		"Group":                     groupLifecycle(),
		"GroupUserAttachment":       memberLifecycle(),
		"GroupPolicyAttachment":     groupPolicyLifecycle(),
		"LDAPGroupPolicyAttachment": ldapGroupLifecycle(),
		"LDAPUserPolicyAttachment":  ldapUserLifecycle(),
		"Tier":                      tierLifecycle(),
		"Key":                       keyLifecycle(),
		"BucketPolicy":              bucketPolicyLifecycle(),
		"BucketNotification":        notificationLifecycle(),
	}
}

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func tierLifecycle() lifecycle {
	const tier, bucket = "ARCHIVE", "archive"

	matches := func(ctx context.Context, changed bool) error {
		tiers, err := env.Server.ListTiers(ctx)
		if err != nil {
			return err
		}

		at := slices.IndexFunc(tiers, func(t *madmin.TierConfig) bool { return t.Name == tier })
		if at < 0 {
			return errNotFound
		}

		accessKey := map[bool]string{false: ldapMinIO.AccessKey, true: "archive-key"}[changed]

		return errors.Join(want(tiers[at].Bucket(), bucket), want(tiers[at].MinIO.AccessKey, accessKey))
	}

	return lifecycle{
		kind:     "tier.ilm",
		external: tier,
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			must(t, ldapMinIO.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{}))

			_, err := ldapMinIO.AddServiceAccount(t.Context(), madmin.AddServiceAccountReq{
				AccessKey: "archive-key", SecretKey: "archive-key-secret",
			})
			must(t, err)
			must(t, env.Kube.Create(t.Context(), &corev1.Secret{ObjectMeta: named(ns, "archive"), StringData: map[string]string{
				"first": ldapMinIO.SecretKey, "second": "archive-key-secret",
			}}))

			tr := &ilm.Tier{ObjectMeta: named(ns, "archive")}
			tr.Spec.ForProvider = ilm.TierParameters{
				Bucket:   new(bucket),
				Endpoint: new(ldapMinIO.URL()),
				MinioConfig: &ilm.MinioConfigParameters{
					AccessKey:          new(ldapMinIO.AccessKey),
					SecretKeySecretRef: secretKey("first"),
				},
			}

			return tr
		},
		matches: matches,
		change: func(mg resource.ModernManaged) {
			mg.(*ilm.Tier).Spec.ForProvider.MinioConfig = &ilm.MinioConfigParameters{
				AccessKey: new("archive-key"), SecretKeySecretRef: secretKey("second"),
			}
		},
		immutable: func(mg resource.ModernManaged, other string) {
			mg.(*ilm.Tier).Spec.ForProvider.Bucket = new(cmp.Or(other, bucket))
		},
		drift: func(ctx context.Context) error { return env.Server.RemoveTier(ctx, tier) },
		gone:  goneIf(matches),
	}
}

// secretKey selects a key of the Secret archive.
func secretKey(key string) *xpv1.LocalSecretKeySelector {
	return &xpv1.LocalSecretKeySelector{LocalSecretReference: xpv1.LocalSecretReference{Name: "archive"}, Key: key}
}

// keyLifecycle is the lifecycle of the only key of MinIO's built-in KMS: it can only be
// adopted, and the KMS cannot delete it.
func keyLifecycle() lifecycle {
	return lifecycle{
		kind:     "key.kms",
		external: component.KMSKey,
		resource: func(_ *testing.T, ns string) resource.ModernManaged {
			k := &kms.Key{ObjectMeta: named(ns, "adopted")}
			meta.SetExternalName(k, component.KMSKey)

			return k
		},
		matches: func(ctx context.Context, _ bool) error {
			_, err := env.Server.GetKeyStatus(ctx, component.KMSKey)

			return err
		},
		adopted:     true,
		deleteError: "cannot delete Key",
	}
}

func bucketPolicyLifecycle() lifecycle {
	const bucket = "showcase"

	policy := func(changed bool) string {
		action := map[bool]string{false: "s3:GetObject", true: "s3:GetObjectVersion"}[changed]

		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},`+
			`"Action":[%q],"Resource":["arn:aws:s3:::%s/*"]}]}`, action, bucket)
	}
	matches := func(ctx context.Context, changed bool) error {
		got, err := env.Server.S3.GetBucketPolicy(ctx, bucket)
		if err == nil && got == "" {
			err = errNotFound
		}

		return errors.Join(err, want(got, policy(changed)))
	}

	return lifecycle{
		kind:     "bucketpolicy.s3",
		external: bucket,
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			must(t, env.Server.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{}))

			p := &s3.BucketPolicy{ObjectMeta: named(ns, "showcase")}
			p.Spec.ForProvider.Bucket, p.Spec.ForProvider.Policy = new(bucket), new(policy(false))

			return p
		},
		matches: matches,
		change:  func(mg resource.ModernManaged) { mg.(*s3.BucketPolicy).Spec.ForProvider.Policy = new(policy(true)) },
		immutable: func(mg resource.ModernManaged, other string) {
			mg.(*s3.BucketPolicy).Spec.ForProvider.Bucket = new(cmp.Or(other, bucket))
		},
		drift: func(ctx context.Context) error { return env.Server.S3.SetBucketPolicy(ctx, bucket, "") },
		gone:  goneIf(matches),
	}
}

func notificationLifecycle() lifecycle {
	const bucket = "inbox"

	matches := func(ctx context.Context, changed bool) error {
		n, err := env.Server.S3.GetBucketNotification(ctx, bucket)
		if err != nil {
			return err
		}

		if len(n.QueueConfigs) != 1 {
			return errNotFound
		}

		return want(fmt.Sprint(n.QueueConfigs[0].Events), map[bool]string{false: "[s3:ObjectCreated:*]", true: "[s3:ObjectRemoved:*]"}[changed])
	}

	return lifecycle{
		kind:     "bucketnotification.s3",
		external: bucket,
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			must(t, env.Server.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{}))

			n := &s3.BucketNotification{ObjectMeta: named(ns, "inbox")}
			n.Spec.ForProvider.Bucket = new(bucket)
			n.Spec.ForProvider.Queue = []s3.QueueParameters{{
				QueueArn:     new("arn:minio:sqs::PRIMARY:webhook"),
				Events:       []*string{new("s3:ObjectCreated:*")},
				FilterSuffix: new(".jpg"),
			}}

			return n
		},
		matches: matches,
		change: func(mg resource.ModernManaged) {
			mg.(*s3.BucketNotification).Spec.ForProvider.Queue[0].Events = []*string{new("s3:ObjectRemoved:*")}
		},
		immutable: func(mg resource.ModernManaged, other string) {
			mg.(*s3.BucketNotification).Spec.ForProvider.Bucket = new(cmp.Or(other, bucket))
		},
		drift: func(ctx context.Context) error {
			return env.Server.S3.SetBucketNotification(ctx, bucket, notification.Configuration{})
		},
		gone: goneIf(matches),
	}
}

// want returns an error unless two texts are equal.
func want(got, want string) error {
	if got != want {
		return fmt.Errorf("want %s, got %s", want, got)
	}

	return nil
}

// goneIf returns a function that returns an error unless matches returns errNotFound.
func goneIf(matches func(context.Context, bool) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := matches(ctx, false); !errors.Is(err, errNotFound) {
			return fmt.Errorf("want nothing left on the server, got %w", err)
		}

		return nil
	}
}
