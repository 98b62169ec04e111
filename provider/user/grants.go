package user

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// iamPolicy is a document of the IAM policy language, limited to what this package
// writes.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
type iamPolicy struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

type statement struct {
	Effect    string                         `json:"Effect"`
	Action    []string                       `json:"Action"`
	Resource  []string                       `json:"Resource,omitempty"`
	Condition map[string]map[string][]string `json:"Condition,omitempty"`
}

var (
	// noAdministration denies a user the whole administration API. MinIO allows every
	// user by default to create access keys of its own, which would outlive a rotation,
	// and to change and remove the keys that this provider created for it. Its forks
	// have other names for that, which the parsers of other servers reject, so all
	// actions are denied. MinIO lets any key of a user remove the user's service accounts
	// all the same, so that a retiring key can remove its successor until it is revoked.
	noAdministration = statement{Effect: "Deny", Action: []string{"admin:*"}}

	// noOwnKeys denies only what MinIO allows every user by default, to a user whose
	// further policies may allow other actions of the administration API.
	noOwnKeys = statement{
		Effect: "Deny",
		Action: []string{"admin:CreateServiceAccount", "admin:CreateUser", "admin:RemoveServiceAccount", "admin:UpdateServiceAccount"},
	}

	// noUnsignedUploads denies uploads whose body is not part of the signature and has a
	// checksum after it. Community servers do not verify the signature of all of them
	// (CVE-2026-40344, CVE-2026-41145).
	noUnsignedUploads = statement{
		Effect:    "Deny",
		Action:    []string{"s3:PutObject"},
		Resource:  []string{"arn:aws:s3:::*"},
		Condition: map[string]map[string][]string{"StringEquals": {"s3:x-amz-content-sha256": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"}}},
	}

	// noUncheckedUploads denies uploads whose locks and quota community servers do not
	// check: by form, and of archives that the server unpacks. The server reads the
	// condition keys from the request, so that a client can forge the one of forms. No key
	// names archives. The server authorizes them for the prefix of the objects, which is
	// empty or ends in a slash: objects whose names end in a slash are denied with them.
	noUncheckedUploads = []statement{
		{
			Effect:    "Deny",
			Action:    []string{"s3:PutObject"},
			Resource:  []string{"arn:aws:s3:::*"},
			Condition: map[string]map[string][]string{"StringEquals": {"s3:authType": {"POST"}}},
		},
		{Effect: "Deny", Action: []string{"s3:PutObject"}, Resource: []string{"arn:aws:s3:::*/"}},
	}
)

// The actions of each kind of access, on the bucket itself and on its objects, sorted.
// None of them changes a setting of the bucket.
var (
	locateActions = []string{"s3:GetBucketLocation"}
	listActions   = []string{"s3:ListBucket", "s3:ListBucketVersions"}
	// wholeBucketActions cannot be limited to a prefix. Clients read the settings of a
	// bucket before they use versions or locks, and report false ones if they may not.
	wholeBucketActions = []string{
		"s3:GetBucketCors", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketPolicy", "s3:GetBucketPolicyStatus", "s3:GetBucketTagging",
		"s3:GetBucketVersioning", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:ListBucketMultipartUploads",
	}

	readActions = []string{
		"s3:GetObject", "s3:GetObjectAttributes", "s3:GetObjectLegalHold", "s3:GetObjectRetention",
		"s3:GetObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionAttributes", "s3:GetObjectVersionTagging",
	}
	writeActions = []string{
		"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject", "s3:PutObjectLegalHold",
		"s3:PutObjectRetention", "s3:PutObjectTagging", "s3:PutObjectVersionTagging",
	}
	deleteActions = []string{
		"s3:DeleteObject", "s3:DeleteObjectTagging", "s3:DeleteObjectVersion", "s3:DeleteObjectVersionTagging",
	}
)

// bucketName matches the bucket names that a grant may hold. It excludes what the
// policy language reads as a pattern or a variable, and the empty name, which that
// language reads as every bucket.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

// patternChars are the characters that the policy language reads as part of a
// pattern, a variable or an escape.
const patternChars = `*?$\`

// policyDocument returns the policy of a user as JSON.
func policyDocument(params miniov1alpha1.UserParameters, inGroups bool) ([]byte, error) {
	p, err := userPolicy(params, inGroups)
	if err != nil {
		return nil, err
	}

	document, err := json.Marshal(p)

	return document, errors.Wrap(err, "cannot encode policy")
}

// userPolicy returns the policy that allows what the grants of a user allow and nothing
// else. A user that is in groups may hold policies of theirs.
func userPolicy(params miniov1alpha1.UserParameters, inGroups bool) (iamPolicy, error) {
	p := iamPolicy{Version: "2012-10-17", Statement: denials(params, inGroups)}
	seen := map[miniov1alpha1.Grant]bool{}

	for i, g := range params.Grants {
		if !bucketName.MatchString(g.BucketName) {
			return p, errors.Errorf("spec.forProvider.grants[%d]: %q is not a bucket name", i, g.BucketName)
		}

		if strings.ContainsAny(g.Prefix, patternChars) {
			return p, errors.Errorf("spec.forProvider.grants[%d].prefix: %q contains one of %s, which have a special meaning in policies",
				i, g.Prefix, patternChars)
		}

		// The server drops repeated statements, so a repeated grant would be taken for
		// drift.
		key := miniov1alpha1.Grant{BucketName: g.BucketName, Prefix: g.Prefix, Access: g.Access}
		if !seen[key] {
			p.Statement = append(p.Statement, allow(g)...)
		}

		seen[key] = true
	}

	return p, nil
}

// denials returns the statements that hold whatever grants and other policies allow.
func denials(params miniov1alpha1.UserParameters, inGroups bool) []statement {
	d := []statement{noAdministration}
	if len(params.Policies) > 0 || inGroups {
		d = []statement{noOwnKeys}
	}

	if params.DenyUnsignedUploads {
		d = append(d, noUnsignedUploads)
	}

	if params.DenyUncheckedUploads {
		d = append(d, noUncheckedUploads...)
	}

	return d
}

// allow returns the statements of one grant.
func allow(g miniov1alpha1.Grant) []statement {
	var onObjects []string

	onBucket := listActions
	if g.Prefix == "" {
		onBucket = slices.Concat(listActions, wholeBucketActions)
	}

	switch g.Access {
	case miniov1alpha1.AccessReadOnly:
		onObjects = readActions
	case miniov1alpha1.AccessWriteOnly:
		onBucket, onObjects = nil, writeActions
	case miniov1alpha1.AccessReadWrite:
		onObjects = slices.Concat(readActions, writeActions, deleteActions)
	default:
		// An access that only a later version knows allows nothing.
		return nil
	}

	arn := "arn:aws:s3:::" + g.BucketName
	objects := statement{Effect: "Allow", Action: onObjects, Resource: []string{arn + "/" + g.Prefix + "*"}}

	if g.Prefix == "" {
		return []statement{{Effect: "Allow", Action: slices.Concat(locateActions, onBucket), Resource: []string{arn}}, objects}
	}

	s := []statement{{Effect: "Allow", Action: locateActions, Resource: []string{arn}}, objects}
	if len(onBucket) > 0 {
		s = append(s, statement{
			Effect: "Allow", Action: onBucket, Resource: []string{arn},
			Condition: map[string]map[string][]string{"StringLike": {"s3:prefix": {g.Prefix + "*"}}},
		})
	}

	return s
}
