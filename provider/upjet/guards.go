package upjet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/minio/madmin-go/v3"
	"github.com/minio/minio-go/v7/pkg/notification"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/cistern-dev/cistern/provider/minio"
)

// inGroup reports whether a user is a member of a group.
func inGroup(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error) {
	g, err := c.S3Admin.GetGroupDescription(ctx, text(d, "group_name"))
	if minio.IsNotFound(err) {
		return false, nil
	}

	return err == nil && slices.Contains(g.Members, text(d, "user_name")), err
}

// attachedToGroup reports whether a policy is attached to a group.
func attachedToGroup(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error) {
	g, err := c.S3Admin.GetGroupDescription(ctx, text(d, "group_name"))
	if minio.IsNotFound(err) {
		return false, nil
	}

	return err == nil && slices.Contains(strings.Split(g.Policy, ","), text(d, "policy_name")), err
}

// attachedToLDAPGroup reports whether a policy is attached to a group of the LDAP
// directory. The provider's own Read lists the users and groups that have the policy,
// and takes any of them for the wanted group.
func attachedToLDAPGroup(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error) {
	e, err := c.S3Admin.GetLDAPPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Groups: []string{text(d, "group_dn")}})

	return err == nil && slices.ContainsFunc(e.GroupMappings, func(m madmin.GroupPolicyEntities) bool {
		return slices.Contains(m.Policies, text(d, "policy_name"))
	}), err
}

// attachedToLDAPUser reports whether a policy is attached to a user of the LDAP
// directory.
func attachedToLDAPUser(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error) {
	e, err := c.S3Admin.GetLDAPPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Users: []string{text(d, "user_dn")}})

	return err == nil && slices.ContainsFunc(e.UserMappings, func(m madmin.UserPolicyEntities) bool {
		return slices.Contains(m.Policies, text(d, "policy_name"))
	}), err
}

// noSuchKey is MinIO's text for a key that the KMS does not have. It is in the body
// of a successful response.
// Source: github.com/minio/minio, internal/kms, ErrKeyNotFound.
const noSuchKey = "key with given key ID does not exist"

// keyWorks reports whether the KMS has a key, and returns an error if it has one that
// it cannot use. The provider's own Read takes any error for a missing key.
func keyWorks(ctx context.Context, c *clients, d *schema.ResourceData) (bool, error) {
	s, err := c.S3Admin.GetKeyStatus(ctx, d.Id())

	switch {
	case err != nil:
		return false, err
	case s.EncryptionErr == noSuchKey:
		return false, nil
	case s.EncryptionErr != "" || s.DecryptionErr != "":
		return false, guardErrorf("the KMS cannot use key %q: %s%s", d.Id(), s.EncryptionErr, s.DecryptionErr)
	}

	return true, nil
}

// settingGone returns a function that reports whether a bucket's setting is gone:
// because it is not set, or because the bucket is gone. The provider's own Read takes
// MinIO's answer for absence in neither case.
func settingGone(setting string) func(*schema.ResourceData, error) bool {
	return func(d *schema.ResourceData, err error) bool {
		if err != nil {
			return minio.IsNotFound(err)
		}

		_, set := d.GetOk(setting)

		return !set
	}
}

// removeGroup removes an empty group. The provider's own Delete attaches the policy
// readonly to a group without policies, whether it has members or not, and silently
// keeps a group that has members.
func removeGroup(ctx context.Context, c *clients, d *schema.ResourceData) error {
	err := c.S3Admin.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: d.Id(), IsRemove: true})

	switch {
	case minio.IsNotFound(err):
		return nil
	case minio.IsGroupNotEmpty(err):
		return guardErrorf("group %q has members: remove them from it; the group is then deleted", d.Id())
	}

	return err
}

// checkTier requires both halves of a key. A Secret that does not exist reads as an
// empty string.
func checkTier(d *schema.ResourceData) error {
	for _, field := range []string{"access_key", "secret_key"} {
		if text(d, "minio_config.0."+field) == "" {
			return errors.New("spec.forProvider.minioConfig needs an accessKey, and a secretKeySecretRef to a key of a Secret that exists")
		}
	}

	return nil
}

// checkOnePolicy requires the name of a single policy. The server splits a name at commas
// and attaches every policy of the list, but the attachment would detach none of them.
func checkOnePolicy(d *schema.ResourceData) error {
	if name := text(d, "policy_name"); strings.Contains(name, ",") {
		return errors.Errorf("spec.forProvider.policyName %q names more than one policy: make a resource for each", name)
	}

	return nil
}

// checkNotification requires at least one rule, and only rules that the provider
// sends: it omits those whose ARN it cannot parse. A bucket without rules reads as one
// without notification.
func checkNotification(d *schema.ResourceData) error {
	n := d.Get("queue.#").(int) //nolint:forcetypeassert // A number of elements is one.
	if n == 0 {
		return errors.New("spec.forProvider.queue needs a rule: to send no notifications, delete the BucketNotification")
	}

	for i := range n {
		field := fmt.Sprintf("queue.%d.", i)

		if arn := text(d, field+"queue_arn"); !isARN(arn) {
			return errors.Errorf("spec.forProvider.queue[%d].queueArn is %q: write it as arn:minio:sqs::primary:webhook, "+
				"with the ID and type of a target that mc admin info lists", i, arn)
		}

		if d.Get(field+"events.#") == 0 {
			return errors.Errorf("spec.forProvider.queue[%d].events needs an event, such as s3:ObjectCreated:*", i)
		}
	}

	return nil
}

// isARN reports whether the provider can parse an ARN.
func isARN(s string) bool {
	_, err := notification.NewArnFromString(s)

	return err == nil
}

// sameTarget reports whether a wanted ARN without a region names the target of the
// server's ARN. The server fills in its own region.
func sameTarget(_, server, wanted string, _ *schema.ResourceData) bool {
	got, err := notification.NewArnFromString(server)
	if err != nil {
		return false
	}

	want, err := notification.NewArnFromString(wanted)
	if err != nil || want.Region != "" {
		return false
	}

	got.Region = ""

	return got == want
}

// text returns a string argument.
func text(d *schema.ResourceData, path string) string { return fmt.Sprint(d.Get(path)) }
