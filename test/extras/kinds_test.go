//go:build e2e

package extras

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/notification"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	iam "github.com/cistern-dev/cistern/apis/extras/iam/v1alpha1"
	ilm "github.com/cistern-dev/cistern/apis/extras/ilm/v1alpha1"
	kms "github.com/cistern-dev/cistern/apis/extras/kms/v1alpha1"
	s3 "github.com/cistern-dev/cistern/apis/extras/s3/v1alpha1"
	"github.com/cistern-dev/cistern/test/component"
)

// errAbsent says that the server does not have what is looked for.
var errAbsent = errors.New("the server does not have it")

func lives() map[string]life {
	return map[string]life{
		"Group":                     groupLife(),
		"GroupUserAttachment":       memberLife(),
		"GroupPolicyAttachment":     groupPolicyLife(),
		"LDAPGroupPolicyAttachment": ldapGroupLife(),
		"LDAPUserPolicyAttachment":  ldapUserLife(),
		"Tier":                      tierLife(),
		"Key":                       keyLife(),
		"BucketPolicy":              bucketPolicyLife(),
		"BucketNotification":        notificationLife(),
	}
}

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func groupLife() life {
	const group = "operators"

	return life{
		kind:     "group.iam",
		external: group,
		resource: func(_ *testing.T, ns string) resource.ModernManaged {
			return &iam.Group{ObjectMeta: named(ns, group)}
		},
		there: func(ctx context.Context, changed bool) error {
			g, err := env.Server.GetGroupDescription(ctx, group)
			if err != nil {
				return err
			}

			return want(g.Status, map[bool]string{false: "enabled", true: "disabled"}[changed])
		},
		change: func(mg resource.ModernManaged) { mg.(*iam.Group).Spec.ForProvider.DisableGroup = new(true) },
		drift: func(ctx context.Context) error {
			return env.Server.SetGroupStatus(ctx, group, madmin.GroupDisabled)
		},
		gone: func(ctx context.Context) error { return groupGone(ctx, group) },
	}
}

func groupGone(ctx context.Context, group string) error {
	_, err := env.Server.GetGroupDescription(ctx, group)
	if madmin.ToErrorResponse(err).Code == "XMinioAdminNoSuchGroup" {
		return nil
	}

	return fmt.Errorf("want no group %q, got %w", group, err)
}

func memberLife() life {
	const group, user = "members-group", "members-user"

	there := func(ctx context.Context, _ bool) error {
		g, err := env.Server.GetGroupDescription(ctx, group)
		if err == nil && !slices.Contains(g.Members, user) {
			err = errAbsent
		}

		return err
	}

	return life{
		kind:     "groupuserattachment.iam",
		external: group + "/" + user,
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			must(t, env.Server.AddUser(t.Context(), user, "members-user-secret"))
			must(t, newGroup(t.Context(), group))

			a := &iam.GroupUserAttachment{ObjectMeta: named(ns, "member")}
			a.Spec.ForProvider.GroupName, a.Spec.ForProvider.UserName = new(group), new(user)

			return a
		},
		there: there,
		fixed: func(mg resource.ModernManaged, other string) {
			mg.(*iam.GroupUserAttachment).Spec.ForProvider.UserName = new(cmp.Or(other, user))
		},
		drift: func(ctx context.Context) error {
			return env.Server.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: group, Members: []string{user}, IsRemove: true})
		},
		gone: goneIf(there),
	}
}

func newGroup(ctx context.Context, name string) error {
	return env.Server.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: name})
}

// goneIf returns no error if there finds nothing.
func goneIf(there func(context.Context, bool) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := there(ctx, false); !errors.Is(err, errAbsent) {
			return fmt.Errorf("want the server to have nothing of it, got %w", err)
		}

		return nil
	}
}

func groupPolicyLife() life {
	const group = "readers"

	there := func(ctx context.Context, _ bool) error {
		g, err := env.Server.GetGroupDescription(ctx, group)
		if err == nil && !slices.Contains(strings.Split(g.Policy, ","), "readonly") {
			err = errAbsent
		}

		return err
	}

	return life{
		kind:     "grouppolicyattachment.iam",
		external: group + "/readonly",
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			must(t, newGroup(t.Context(), group))
			must(t, setGroupPolicy(t.Context(), group, "diagnostics"))

			a := &iam.GroupPolicyAttachment{ObjectMeta: named(ns, "read")}
			a.Spec.ForProvider.GroupName, a.Spec.ForProvider.PolicyName = new(group), new("readonly")

			return a
		},
		there: there,
		fixed: func(mg resource.ModernManaged, other string) {
			mg.(*iam.GroupPolicyAttachment).Spec.ForProvider.PolicyName = new(cmp.Or(other, "readonly"))
		},
		drift: func(ctx context.Context) error {
			return setGroupPolicy(ctx, group, "diagnostics")
		},
		gone: func(ctx context.Context) error {
			if err := goneIf(there)(ctx); err != nil {
				return err
			}

			// What is somebody else's stays.
			g, err := env.Server.GetGroupDescription(ctx, group)
			if err != nil {
				return err
			}

			return want(g.Policy, "diagnostics")
		},
	}
}

// setGroupPolicy makes a policy the only one that a group holds.
func setGroupPolicy(ctx context.Context, group, policy string) error {
	return env.Server.SetPolicy(ctx, policy, group, true) //nolint:staticcheck // Nothing else sets all at once.
}

func ldapGroupLife() life {
	there := func(ctx context.Context, _ bool) error {
		e, err := staff.GetLDAPPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Groups: []string{peopleDN}})
		if err == nil && (len(e.GroupMappings) != 1 || !slices.Contains(e.GroupMappings[0].Policies, "readonly")) {
			err = errAbsent
		}

		return err
	}

	return life{
		kind:     "ldapgrouppolicyattachment.iam",
		external: peopleDN + "/readonly",
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			// Somebody else holds the policy too, and is not to be taken for the group.
			_, err := staff.AttachPolicyLDAP(t.Context(), madmin.PolicyAssociationReq{Policies: []string{"readonly"}, User: bobDN})
			must(t, err)

			a := &iam.LDAPGroupPolicyAttachment{ObjectMeta: named(ns, "people-read")}
			a.Spec.ForProvider.GroupDN, a.Spec.ForProvider.PolicyName = new(peopleDN), new("readonly")
			a.Spec.ProviderConfigReference = onStaff()

			return a
		},
		there: there,
		fixed: func(mg resource.ModernManaged, other string) {
			mg.(*iam.LDAPGroupPolicyAttachment).Spec.ForProvider.PolicyName = new(cmp.Or(other, "readonly"))
		},
		drift: func(ctx context.Context) error {
			_, err := staff.DetachPolicyLDAP(ctx, madmin.PolicyAssociationReq{Policies: []string{"readonly"}, Group: peopleDN})

			return err
		},
		gone: goneIf(there),
	}
}

func onStaff() *xpv1.ProviderConfigReference {
	return &xpv1.ProviderConfigReference{Kind: "ClusterProviderConfig", Name: "staff"}
}

func ldapUserLife() life {
	there := func(ctx context.Context, _ bool) error {
		e, err := staff.GetLDAPPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Users: []string{aliceDN}})
		if err == nil && (len(e.UserMappings) != 1 || !slices.Contains(e.UserMappings[0].Policies, "diagnostics")) {
			err = errAbsent
		}

		return err
	}

	return life{
		kind:     "ldapuserpolicyattachment.iam",
		external: aliceDN + "/diagnostics",
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			_, err := staff.AttachPolicyLDAP(t.Context(), madmin.PolicyAssociationReq{Policies: []string{"diagnostics"}, User: bobDN})
			must(t, err)

			a := &iam.LDAPUserPolicyAttachment{ObjectMeta: named(ns, "alice")}
			a.Spec.ForProvider.UserDN, a.Spec.ForProvider.PolicyName = new(aliceDN), new("diagnostics")
			a.Spec.ProviderConfigReference = onStaff()

			return a
		},
		there: there,
		fixed: func(mg resource.ModernManaged, other string) {
			mg.(*iam.LDAPUserPolicyAttachment).Spec.ForProvider.PolicyName = new(cmp.Or(other, "diagnostics"))
		},
		drift: func(ctx context.Context) error {
			_, err := staff.DetachPolicyLDAP(ctx, madmin.PolicyAssociationReq{Policies: []string{"diagnostics"}, User: aliceDN})

			return err
		},
		gone: goneIf(there),
	}
}

func tierLife() life {
	const tier, bucket = "ARCHIVE", "archive"

	there := func(ctx context.Context, changed bool) error {
		tiers, err := env.Server.ListTiers(ctx)
		if err != nil {
			return err
		}

		at := slices.IndexFunc(tiers, func(t *madmin.TierConfig) bool { return t.Name == tier })
		if at < 0 {
			return errAbsent
		}

		return errors.Join(want(tiers[at].Bucket(), bucket), want(tiers[at].MinIO.AccessKey, map[bool]string{false: staff.AccessKey, true: "archive-key"}[changed]))
	}

	return life{
		kind:     "tier.ilm",
		external: tier,
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			must(t, staff.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{}))

			_, err := staff.AddServiceAccount(t.Context(), madmin.AddServiceAccountReq{AccessKey: "archive-key", SecretKey: "archive-key-secret"})
			must(t, err)
			must(t, env.Kube.Create(t.Context(), &corev1.Secret{ObjectMeta: named(ns, "archive"), StringData: map[string]string{
				"first": staff.SecretKey, "second": "archive-key-secret",
			}}))

			tr := &ilm.Tier{ObjectMeta: named(ns, "archive")}
			tr.Spec.ForProvider = ilm.TierParameters{
				Bucket:   new(bucket),
				Endpoint: new(staff.URL()),
				MinioConfig: &ilm.MinioConfigParameters{
					AccessKey:          new(staff.AccessKey),
					SecretKeySecretRef: secretKey("first"),
				},
			}

			return tr
		},
		there: there,
		change: func(mg resource.ModernManaged) {
			mg.(*ilm.Tier).Spec.ForProvider.MinioConfig = &ilm.MinioConfigParameters{AccessKey: new("archive-key"), SecretKeySecretRef: secretKey("second")}
		},
		fixed: func(mg resource.ModernManaged, other string) {
			mg.(*ilm.Tier).Spec.ForProvider.Bucket = new(cmp.Or(other, bucket))
		},
		drift: func(ctx context.Context) error { return env.Server.RemoveTier(ctx, tier) },
		gone:  goneIf(there),
	}
}

func secretKey(key string) *xpv1.LocalSecretKeySelector {
	return &xpv1.LocalSecretKeySelector{LocalSecretReference: xpv1.LocalSecretReference{Name: "archive"}, Key: key}
}

// keyLife is that of the one key that MinIO's built-in KMS has: it can be adopted,
// and the KMS cannot delete it.
func keyLife() life {
	return life{
		kind:     "key.kms",
		external: component.KMSKey,
		resource: func(_ *testing.T, ns string) resource.ModernManaged {
			k := &kms.Key{ObjectMeta: named(ns, "theirs")}
			meta.SetExternalName(k, component.KMSKey)

			return k
		},
		there: func(ctx context.Context, _ bool) error {
			_, err := env.Server.GetKeyStatus(ctx, component.KMSKey)

			return err
		},
		adopted: true,
		keeps:   "cannot delete Key",
	}
}

func bucketPolicyLife() life {
	const bucket = "showcase"

	policy := func(changed bool) string {
		action := map[bool]string{false: "s3:GetObject", true: "s3:GetObjectVersion"}[changed]

		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":[%q],"Resource":["arn:aws:s3:::%s/*"]}]}`, action, bucket)
	}
	there := func(ctx context.Context, changed bool) error {
		got, err := env.Server.S3.GetBucketPolicy(ctx, bucket)
		if err == nil && got == "" {
			err = errAbsent
		}

		return errors.Join(err, want(got, policy(changed)))
	}

	return life{
		kind:     "bucketpolicy.s3",
		external: bucket,
		resource: func(t *testing.T, ns string) resource.ModernManaged {
			must(t, env.Server.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{}))

			p := &s3.BucketPolicy{ObjectMeta: named(ns, "showcase")}
			p.Spec.ForProvider.Bucket, p.Spec.ForProvider.Policy = new(bucket), new(policy(false))

			return p
		},
		there:  there,
		change: func(mg resource.ModernManaged) { mg.(*s3.BucketPolicy).Spec.ForProvider.Policy = new(policy(true)) },
		fixed: func(mg resource.ModernManaged, other string) {
			mg.(*s3.BucketPolicy).Spec.ForProvider.Bucket = new(cmp.Or(other, bucket))
		},
		drift: func(ctx context.Context) error { return env.Server.S3.SetBucketPolicy(ctx, bucket, "") },
		gone:  goneIf(there),
	}
}

func notificationLife() life {
	const bucket = "inbox"

	there := func(ctx context.Context, changed bool) error {
		n, err := env.Server.S3.GetBucketNotification(ctx, bucket)
		if err != nil {
			return err
		}

		if len(n.QueueConfigs) != 1 {
			return errAbsent
		}

		return want(fmt.Sprint(n.QueueConfigs[0].Events), map[bool]string{false: "[s3:ObjectCreated:*]", true: "[s3:ObjectRemoved:*]"}[changed])
	}

	return life{
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
		there: there,
		change: func(mg resource.ModernManaged) {
			mg.(*s3.BucketNotification).Spec.ForProvider.Queue[0].Events = []*string{new("s3:ObjectRemoved:*")}
		},
		fixed: func(mg resource.ModernManaged, other string) {
			mg.(*s3.BucketNotification).Spec.ForProvider.Bucket = new(cmp.Or(other, bucket))
		},
		drift: func(ctx context.Context) error {
			return env.Server.S3.SetBucketNotification(ctx, bucket, notification.Configuration{})
		},
		gone: goneIf(there),
	}
}

func want(got, want string) error {
	if got != want {
		return fmt.Errorf("want %s, got %s", want, got)
	}

	return nil
}
