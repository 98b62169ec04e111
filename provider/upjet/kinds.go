package upjet

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	"github.com/crossplane/upjet/v2/pkg/config"
)

// native is the Go package of provider-minio's kinds, which fields refer to.
const native = modulePath + "/apis/minio/v1alpha1."

// References of fields that name the external resource of another kind.
var (
	bucketRef = reference(native+"Bucket", "Bucket")
	userRef   = reference(native+"User", "User")
	policyRef = reference(native+"Policy", "Policy")
	groupRef  = reference("Group", "Group")
)

// reference returns a reference to a Go type, with the fields <field>Ref and
// <field>Selector.
func reference(goType, field string) config.Reference {
	return config.Reference{
		Type:              goType, //nolint:staticcheck // The native kinds have no name in Terraform.
		RefFieldName:      field + "Ref",
		SelectorFieldName: field + "Selector",
	}
}

const (
	policyNameDoc = "Name of the policy on the server. It cannot be changed."
	groupNameDoc  = "Name of the group on the server. It cannot be changed."
)

// specs are the kinds of the long tail, in the order of their API groups.
var specs = []spec{
	{
		terraform:   "minio_iam_group",
		group:       "iam",
		kind:        "Group",
		description: "A Group of users, who get the policies that are attached to it. Its name on the server is the external name, by default metadata.name. It is deleted once it has no members.",
		docs: map[string]string{
			"disable_group": "DisableGroup suspends the group's policies for its members while it is true. The default is false.",
			"force_destroy": "ForceDestroy is always false: a group that has members is kept.",
			"group_name":    "Name of the group on the server.",
		},
		naming: naming{argument: "name"},
		// If it were set, any change of the group would remove all of its members.
		observed: []string{"force_destroy"},
		guard:    guard{remove: removeGroup},
	},
	{
		terraform:   "minio_iam_group_user_attachment",
		group:       "iam",
		kind:        "GroupUserAttachment",
		description: "A GroupUserAttachment makes a user a member of a group.",
		docs: map[string]string{
			"group_name": groupNameDoc,
			"user_name":  "Name of the user on the server. It cannot be changed.",
		},
		naming:     naming{fields: []string{"group_name", "user_name"}},
		references: config.References{"group_name": groupRef, "user_name": userRef},
		guard:      guard{present: inGroup},
	},
	{
		terraform:   "minio_iam_group_policy_attachment",
		group:       "iam",
		kind:        "GroupPolicyAttachment",
		description: "A GroupPolicyAttachment attaches a policy to a group.",
		docs:        map[string]string{"group_name": groupNameDoc, "policy_name": policyNameDoc},
		naming:      naming{fields: []string{"group_name", "policy_name"}},
		references:  config.References{"group_name": groupRef, "policy_name": policyRef},
		guard:       guard{present: attachedToGroup, check: checkOnePolicy},
	},
	{
		terraform:   "minio_iam_ldap_group_policy_attachment",
		group:       "iam",
		kind:        "LDAPGroupPolicyAttachment",
		description: "An LDAPGroupPolicyAttachment attaches a policy to a group of the LDAP directory that the server uses.",
		docs: map[string]string{
			"group_dn":    "Distinguished name of the group, spelled as in the directory. It cannot be changed.",
			"policy_name": policyNameDoc,
		},
		naming:     naming{fields: []string{"group_dn", "policy_name"}},
		references: config.References{"policy_name": policyRef},
		guard:      guard{present: attachedToLDAPGroup, check: checkOnePolicy},
	},
	{
		terraform:   "minio_iam_ldap_user_policy_attachment",
		group:       "iam",
		kind:        "LDAPUserPolicyAttachment",
		description: "An LDAPUserPolicyAttachment attaches a policy to a user of the LDAP directory that the server uses.",
		docs: map[string]string{
			"user_dn":     "Distinguished name of the user, spelled as in the directory. It cannot be changed.",
			"policy_name": policyNameDoc,
		},
		naming:     naming{fields: []string{"user_dn", "policy_name"}},
		references: config.References{"policy_name": policyRef},
		guard:      guard{present: attachedToLDAPUser, check: checkOnePolicy},
	},
	{
		terraform:   "minio_ilm_tier",
		group:       "ilm",
		kind:        "Tier",
		description: "A Tier is a bucket of another MinIO server, to which lifecycle rules move objects. Its name on the server is the external name, by default metadata.name in upper case, which the server requires. A tier that holds objects cannot be deleted.",
		docs: map[string]string{ //nolint:gosec // It describes credentials, and holds none.
			"bucket":                  "Name of the bucket on the other server. It cannot be changed.",
			"endpoint":                "URL of the other server, such as https://archive.example.org. It cannot be changed.",
			"prefix":                  "Prefix of the objects' names in the bucket. The default is none. It cannot be changed.",
			"region":                  "Region of the other server. The default is that server's own default. It cannot be changed.",
			"force_new_credentials":   "ForceNewCredentials is always false.",
			"minio_config":            "Key of a user of the other server who may read, write and delete in the bucket. To change the secret key, change the access key as well: the server does not return secret keys, so a change of the secret key alone cannot be detected.",
			"minio_config.access_key": "ID of the key.",
			"minio_config.secret_key": "Secret of the key.",
		},
		naming: naming{
			argument: "name", upper: true,
			fixed:   map[string]any{"type": "minio"},
			omitted: []string{"s3_config", "gcs_config", "azure_config"},
		},
		required: []string{"endpoint", "minio_config"},
		// If it were set, the key would be written at each poll.
		observed: []string{"force_new_credentials"},
		objects:  []string{"minio_config"},
		guard:    guard{check: checkTier},
	},
	{
		terraform:   "minio_kms_key",
		group:       "kms",
		kind:        "Key",
		description: "A Key of the KMS that the server encrypts with. Its name in the KMS is the external name, by default metadata.name. Not every KMS can create keys, and few can delete them. Data that is encrypted with a deleted key is lost.",
		naming:      naming{argument: "key_id"},
		guard:       guard{present: keyWorks},
	},
	{
		terraform:   "minio_s3_bucket_policy",
		group:       "s3",
		kind:        "BucketPolicy",
		description: "A BucketPolicy determines who may do what with a bucket, anonymous users included. A Bucket's anonymousAccess writes the same policy on the server: set only one of them.",
		docs: map[string]string{
			"bucket": "Name of the bucket. It cannot be changed.",
			"policy": "The policy, a JSON document in the language of S3 bucket policies. It is compared by meaning, not by bytes.",
		},
		naming:     naming{fields: []string{"bucket"}},
		references: config.References{"bucket": bucketRef},
		guard:      guard{absent: settingGone("policy")},
	},
	{
		terraform:   "minio_s3_bucket_notification",
		group:       "s3",
		kind:        "BucketNotification",
		description: "A BucketNotification makes the server send events of a bucket's objects to targets. The targets are part of the server's own configuration.",
		docs: map[string]string{
			"bucket":              "Name of the bucket. It cannot be changed.",
			"queue":               "Rules: which events are sent to which target.",
			"queue.id":            "Name of the rule. The default is a generated name.",
			"queue.queue_arn":     "ARN of the target, such as arn:minio:sqs::primary:webhook. mc admin info lists the ARNs of the server's targets.",
			"queue.events":        "Events that are sent, such as s3:ObjectCreated:*.",
			"queue.filter_prefix": "Prefix of the names of the objects whose events are sent. The default is all objects.",
			"queue.filter_suffix": "Suffix of the names of the objects whose events are sent. The default is all objects.",
		},
		naming:     naming{fields: []string{"bucket"}},
		references: config.References{"bucket": bucketRef},
		required:   []string{"queue"},
		guard: guard{
			absent:     settingGone("queue"),
			check:      checkNotification,
			equivalent: map[string]schema.SchemaDiffSuppressFunc{"queue.queue_arn": sameTarget},
		},
	},
}
