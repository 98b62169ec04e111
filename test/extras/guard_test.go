//go:build e2e

package extras

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	iam "github.com/cistern-dev/cistern/apis/extras/iam/v1alpha1"
	ilm "github.com/cistern-dev/cistern/apis/extras/ilm/v1alpha1"
	kms "github.com/cistern-dev/cistern/apis/extras/kms/v1alpha1"
	s3 "github.com/cistern-dev/cistern/apis/extras/s3/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestDeleteAfterParent removes the user, group or bucket that a resource depends on from
// the server. The resource cannot be created again, but it can be deleted.
func TestDeleteAfterParent(t *testing.T) {
	startProvider(t)

	cases := map[string]struct {
		lifecycle lifecycle
		remove    func(context.Context) error
		// recreated reports whether the server recreates the parent with the resource.
		recreated bool
	}{
		"GroupUserAttachment": {lifecycle: memberLifecycle(), remove: func(ctx context.Context) error {
			return env.Server.RemoveUser(ctx, "members-user")
		}},
		"GroupOfUserAttachment": {lifecycle: memberLifecycle(), recreated: true, remove: func(ctx context.Context) error {
			members := madmin.GroupAddRemove{Group: "members-group", Members: []string{"members-user"}, IsRemove: true}

			// The provider must not add the member again before the group is gone.
			denyWrites(t)
			defer env.Proxy.SetOutage(nil)

			return errors.Join(env.Server.UpdateGroupMembers(ctx, members),
				env.Server.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: members.Group, IsRemove: true}))
		}},
		"GroupPolicyAttachment": {lifecycle: groupPolicyLifecycle(), remove: func(ctx context.Context) error {
			return env.Server.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: "readers", IsRemove: true})
		}},
		"BucketPolicy": {lifecycle: bucketPolicyLifecycle(), remove: func(ctx context.Context) error {
			return env.Server.S3.RemoveBucket(ctx, "showcase")
		}},
		"BucketNotification": {lifecycle: notificationLifecycle(), remove: func(ctx context.Context) error {
			return env.Server.S3.RemoveBucket(ctx, "inbox")
		}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			mg := tc.lifecycle.resource(t, newNamespace(t))
			must(t, env.Kube.Create(t.Context(), mg))
			awaitSettled(t, mg)

			must(t, tc.remove(t.Context()))

			if tc.recreated {
				await.For(t, "it to be recreated", func() error { return tc.lifecycle.matches(t.Context(), false) })
			} else {
				awaitSyncError(t, mg, "cannot create "+name)
			}

			must(t, env.Kube.Delete(t.Context(), mg))
			await.Gone(t, env.Kube, mg)
		})
	}
}

// TestGroupWithMembers changes a group that has members, and deletes it: its members must
// be kept, and the deletion must wait until they are removed.
func TestGroupWithMembers(t *testing.T) {
	startProvider(t)

	const group, user = "crew", "crew-user"

	must(t, env.Server.AddUser(t.Context(), user, "crew-user-secret"))

	g := &iam.Group{ObjectMeta: named(newNamespace(t), group)}
	must(t, env.Kube.Create(t.Context(), g))
	awaitSettled(t, g)

	members := madmin.GroupAddRemove{Group: group, Members: []string{user}}
	must(t, env.Server.UpdateGroupMembers(t.Context(), members))

	await.Change(t, env.Kube, g, func(g *iam.Group) { g.Spec.ForProvider.DisableGroup = new(true) })
	awaitSettled(t, g)
	must(t, groupIs(t.Context(), group, "disabled", user))

	must(t, env.Kube.Delete(t.Context(), g))
	awaitSyncError(t, g, "has members")
	must(t, groupIs(t.Context(), group, "disabled", user))

	members.IsRemove = true
	must(t, env.Server.UpdateGroupMembers(t.Context(), members))
	await.Gone(t, env.Kube, g)
	must(t, groupGone(t.Context(), group))
}

// groupIs returns an error unless a group has the given status and members, and no policy.
func groupIs(ctx context.Context, group, status string, members ...string) error {
	g, err := env.Server.GetGroupDescription(ctx, group)
	if err == nil && (g.Status != status || g.Policy != "" || !slices.Equal(g.Members, members)) {
		err = fmt.Errorf("want it %s with %v, got %+v", status, members, g)
	}

	return err
}

// TestTierWithoutKey omits each part of a tier's key, whose absence the Terraform provider
// does not check, and deletes the Secret before the tier.
func TestTierWithoutKey(t *testing.T) {
	startProvider(t)

	ns := newNamespace(t)
	must(t, ldapMinIO.S3.MakeBucket(t.Context(), "without-key", miniogo.MakeBucketOptions{}))

	tier := &ilm.Tier{ObjectMeta: named(ns, "without-key")}
	tier.Spec.ForProvider = ilm.TierParameters{
		Bucket: new("without-key"), Endpoint: new(ldapMinIO.URL()), MinioConfig: &ilm.MinioConfigParameters{},
	}

	const remedy = "spec.forProvider.minioConfig needs an accessKey"

	must(t, env.Kube.Create(t.Context(), tier))
	awaitSyncError(t, tier, remedy)

	await.Change(t, env.Kube, tier, func(tier *ilm.Tier) {
		tier.Spec.ForProvider.MinioConfig = &ilm.MinioConfigParameters{
			AccessKey: new(ldapMinIO.AccessKey), SecretKeySecretRef: secretKey("key"),
		}
	})
	awaitSyncError(t, tier, remedy)

	secret := &corev1.Secret{ObjectMeta: named(ns, "archive"), StringData: map[string]string{"key": "another-secret"}}
	must(t, env.Kube.Create(t.Context(), secret))
	awaitSyncError(t, tier, "cannot create Tier")

	await.Change(t, env.Kube, secret, func(s *corev1.Secret) { s.StringData = map[string]string{"key": ldapMinIO.SecretKey} })
	awaitSettled(t, tier)

	must(t, env.Kube.Delete(t.Context(), secret))
	must(t, env.Kube.Delete(t.Context(), tier))
	await.Gone(t, env.Kube, tier)
}

// TestAttachmentOfTwoPolicies expects an attachment to reject a list of policies, which
// the server would accept.
func TestAttachmentOfTwoPolicies(t *testing.T) {
	startProvider(t)

	const group = "singles"

	must(t, env.Server.AddUser(t.Context(), "singles-user", "singles-user-secret"))
	must(t, env.Server.UpdateGroupMembers(t.Context(), madmin.GroupAddRemove{Group: group, Members: []string{"singles-user"}}))

	a := &iam.GroupPolicyAttachment{ObjectMeta: named(newNamespace(t), "both")}
	a.Spec.ForProvider.GroupName, a.Spec.ForProvider.PolicyName = new(group), new("readonly,writeonly")

	must(t, env.Kube.Create(t.Context(), a))
	awaitSyncError(t, a, `policyName "readonly,writeonly" names more than one policy`)

	g, err := env.Server.GetGroupDescription(t.Context(), group)
	must(t, err)

	if g.Policy != "" {
		t.Errorf("want no policy attached to the group, got %q", g.Policy)
	}

	must(t, env.Kube.Delete(t.Context(), a))
	await.Gone(t, env.Kube, a)
}

// TestNotificationWithInvalidRule expects an error for rules that the Terraform provider
// would omit silently.
func TestNotificationWithInvalidRule(t *testing.T) {
	startProvider(t)

	const arn, created = "arn:minio:sqs::PRIMARY:webhook", "s3:ObjectCreated:*"

	cases := map[string]struct {
		reason string
		queue  []s3.QueueParameters
		want   string
	}{
		"InvalidARN": {
			reason: "The only rule would be omitted.",
			queue:  []s3.QueueParameters{{QueueArn: new("PRIMARY:webhook"), Events: []*string{new(created)}}},
			want:   "spec.forProvider.queue[0].queueArn",
		},
		"OneInvalidARN": {
			reason: "One of two rules would be omitted.",
			queue: []s3.QueueParameters{
				{QueueArn: new(arn), Events: []*string{new(created)}},
				{QueueArn: new("arn:PRIMARY:webhook"), Events: []*string{new(created)}},
			},
			want: "spec.forProvider.queue[1].queueArn",
		},
		"NoEvent": {
			reason: "A rule without an event sends nothing.",
			queue:  []s3.QueueParameters{{QueueArn: new(arn), Events: []*string{}}},
			want:   "spec.forProvider.queue[0].events needs an event",
		},
	}

	must(t, env.Server.S3.MakeBucket(t.Context(), "silent", miniogo.MakeBucketOptions{}))

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := &s3.BucketNotification{ObjectMeta: named(newNamespace(t), "silent")}
			n.Spec.ForProvider = s3.BucketNotificationParameters{Bucket: new("silent"), Queue: tc.queue}

			must(t, env.Kube.Create(t.Context(), n))
			awaitSyncError(t, n, tc.want)

			must(t, env.Kube.Delete(t.Context(), n))
			await.Gone(t, env.Kube, n)
		})
	}
}

// TestKeyNotCreatable expects an error for a second key, which MinIO's built-in KMS cannot
// create.
func TestKeyNotCreatable(t *testing.T) {
	startProvider(t)

	k := &kms.Key{ObjectMeta: named(newNamespace(t), "another")}
	must(t, env.Kube.Create(t.Context(), k))
	awaitSyncError(t, k, `cannot create Key "another"`)

	must(t, env.Kube.Delete(t.Context(), k))
	await.Gone(t, env.Kube, k)
}

// TestAttachmentWithoutUser expects an error if a part of the external name is missing.
func TestAttachmentWithoutUser(t *testing.T) {
	startProvider(t)

	a := &iam.GroupUserAttachment{ObjectMeta: named(newNamespace(t), "without-user")}
	a.Spec.ForProvider.GroupName = new("crew")

	var mg resource.ModernManaged = a

	must(t, env.Kube.Create(t.Context(), mg))
	awaitSyncError(t, mg, "spec.forProvider.userName is empty")

	must(t, env.Kube.Delete(t.Context(), mg))
	await.Gone(t, env.Kube, mg)
}
