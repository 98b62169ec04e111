package upjet

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	"github.com/crossplane/upjet/v2/pkg/config"
)

// The native kinds, to which fields refer.
const native = modulePath + "/apis/minio/v1alpha1."

// Fields that name something another resource may be about.
var (
	bucketRef = reference(native+"Bucket", "Bucket")
	userRef   = reference(native+"User", "User")
	policyRef = reference(native+"Policy", "Policy")
	groupRef  = reference("Group", "Group")
)

// reference returns a reference to a Go type, by fields called Ref and Selector.
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

var specs = []spec{
	{
		terraform:   "minio_iam_group",
		group:       "iam",
		kind:        "Group",
		description: "A Group of users, who get the policies that it holds. Its name on the server is the external name, by default that of the resource. It is deleted once it has no members.",
		docs: map[string]string{
			"disable_group": "DisableGroup takes the group's policies from its members for as long as it is true. The default is false.",
			"force_destroy": "ForceDestroy is always false: a group that has members stays.",
			"group_name":    "Name of the group on the server.",
		},
		naming: naming{argument: "name"},
		// With it any change of the group would remove all of its members.
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
		description: "A GroupPolicyAttachment gives a policy to a group.",
		docs:        map[string]string{"group_name": groupNameDoc, "policy_name": policyNameDoc},
		naming:      naming{fields: []string{"group_name", "policy_name"}},
		references:  config.References{"group_name": groupRef, "policy_name": policyRef},
		guard:       guard{present: groupHolds, check: onePolicy},
	},
	{
		terraform:   "minio_iam_ldap_group_policy_attachment",
		group:       "iam",
		kind:        "LDAPGroupPolicyAttachment",
		description: "An LDAPGroupPolicyAttachment gives a policy to a group of the directory that the server asks for its users.",
		docs: map[string]string{
			"group_dn":    "Distinguished name of the group, as the directory spells it. It cannot be changed.",
			"policy_name": policyNameDoc,
		},
		naming:     naming{fields: []string{"group_dn", "policy_name"}},
		references: config.References{"policy_name": policyRef},
		guard:      guard{present: ldapGroupHolds, check: onePolicy},
	},
	{
		terraform:   "minio_iam_ldap_user_policy_attachment",
		group:       "iam",
		kind:        "LDAPUserPolicyAttachment",
		description: "An LDAPUserPolicyAttachment gives a policy to a user of the directory that the server asks for its users.",
		docs: map[string]string{
			"user_dn":     "Distinguished name of the user, as the directory spells it. It cannot be changed.",
			"policy_name": policyNameDoc,
		},
		naming:     naming{fields: []string{"user_dn", "policy_name"}},
		references: config.References{"policy_name": policyRef},
		guard:      guard{present: ldapUserHolds, check: onePolicy},
	},
	{
		terraform:   "minio_ilm_tier",
		group:       "ilm",
		kind:        "Tier",
		description: "A Tier is a bucket of another MinIO server, to which lifecycle rules move objects. Its name on the server is the external name, by default that of the resource in upper case, as the server wants it. A tier that holds objects cannot be deleted.",
		docs: map[string]string{ //nolint:gosec // It tells of credentials, and holds none.
			"bucket":                  "Name of the bucket on the other server. It cannot be changed.",
			"endpoint":                "URL of the other server, such as https://archive.example.org. It cannot be changed.",
			"prefix":                  "Prefix of the objects' names in the bucket; none by default. It cannot be changed.",
			"region":                  "Region of the other server; its own default by default. It cannot be changed.",
			"force_new_credentials":   "ForceNewCredentials is always false.",
			"minio_config":            "Key of a user of the other server who may read, write and delete in the bucket. A new secret key is noticed with a new access key only: the server does not tell the secret.",
			"minio_config.access_key": "ID of the key.",
			"minio_config.secret_key": "Secret of the key.",
		},
		naming: naming{
			argument: "name", upper: true,
			fixed:   map[string]any{"type": "minio"},
			omitted: []string{"s3_config", "gcs_config", "azure_config"},
		},
		required: []string{"endpoint", "minio_config"},
		// With it the key would be written at each poll.
		observed: []string{"force_new_credentials"},
		objects:  []string{"minio_config"},
		guard:    guard{check: checkTier},
	},
	{
		terraform:   "minio_kms_key",
		group:       "kms",
		kind:        "Key",
		description: "A Key of the KMS that the server encrypts with. Its name there is the external name, by default that of the resource. Not every KMS can make keys, and few can delete them; what is encrypted with a key that was deleted is lost.",
		naming:      naming{argument: "key_id"},
		guard:       guard{present: keyWorks},
	},
	{
		terraform:   "minio_s3_bucket_policy",
		group:       "s3",
		kind:        "BucketPolicy",
		description: "A BucketPolicy says who may do what with a bucket, its anonymous users among them. A Bucket's anonymousAccess is written as the same policy of the server: set one of them.",
		docs: map[string]string{
			"bucket": "Name of the bucket. It cannot be changed.",
			"policy": "The policy, a JSON document in the language of S3's bucket policies. It is compared by meaning.",
		},
		naming:     naming{fields: []string{"bucket"}},
		references: config.References{"bucket": bucketRef},
		guard:      guard{absent: withoutBucket("policy")},
	},
	{
		terraform:   "minio_s3_bucket_notification",
		group:       "s3",
		kind:        "BucketNotification",
		description: "A BucketNotification has the server tell targets of what happens to a bucket's objects. The targets are part of the server's own configuration.",
		docs: map[string]string{
			"bucket":              "Name of the bucket. It cannot be changed.",
			"queue":               "What to tell whom.",
			"queue.id":            "Name of the rule. The default is made up by the provider.",
			"queue.queue_arn":     "ARN of the target, such as arn:minio:sqs::primary:webhook; mc admin info tells those that the server has.",
			"queue.events":        "Events to tell of, such as s3:ObjectCreated:*.",
			"queue.filter_prefix": "Prefix of the names of the objects to tell of; all by default.",
			"queue.filter_suffix": "Suffix of the names of the objects to tell of; all by default.",
		},
		naming:     naming{fields: []string{"bucket"}},
		references: config.References{"bucket": bucketRef},
		required:   []string{"queue"},
		guard: guard{
			absent: withoutBucket("queue"),
			check:  checkNotification,
			same:   map[string]schema.SchemaDiffSuppressFunc{"queue.queue_arn": sameTarget},
		},
	},
}
