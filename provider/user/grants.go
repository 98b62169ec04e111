package user

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// policy is a policy document of the IAM policy language, as far as this
// package writes it.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
type policy struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

type statement struct {
	Effect    string                         `json:"Effect"`
	Action    []string                       `json:"Action"`
	Resource  []string                       `json:"Resource,omitempty"`
	Condition map[string]map[string][]string `json:"Condition,omitempty"`
}

// noOwnKeys denies a user what MinIO allows everybody by default: to make access
// keys of its own, which would outlive a change of its key, and to change or
// remove the keys that it was given.
var noOwnKeys = statement{
	Effect: "Deny",
	Action: []string{"admin:CreateServiceAccount", "admin:CreateUser", "admin:RemoveServiceAccount", "admin:UpdateServiceAccount"},
}

// Actions of each kind of access, on the bucket itself and on its objects,
// sorted. None of them reads or changes a setting of the bucket.
var (
	locateActions = []string{"s3:GetBucketLocation"}
	listActions   = []string{"s3:ListBucket", "s3:ListBucketVersions"}
	// stageActions cannot be limited to a prefix.
	stageActions = []string{"s3:ListBucketMultipartUploads"}

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

// bucketName is what a grant may name: nothing that the policy language reads as
// a pattern or a variable, and not nothing, which it reads as everything.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

// patternChars are what the policy language reads as a pattern or a variable, or
// takes for an escape.
const patternChars = `*?$\`

// newPolicy renders grants to the one policy that allows them and nothing else.
func newPolicy(grants []miniov1alpha1.Grant) (policy, error) {
	p := policy{Version: "2012-10-17", Statement: []statement{noOwnKeys}}
	seen := map[miniov1alpha1.Grant]bool{}

	for i, g := range grants {
		if !bucketName.MatchString(g.BucketName) {
			return p, errors.Errorf("spec.forProvider.grants[%d]: %q is not the name of a bucket", i, g.BucketName)
		}

		if strings.ContainsAny(g.Prefix, patternChars) {
			return p, errors.Errorf("spec.forProvider.grants[%d].prefix: %q holds one of the characters %s, which stand for others in a policy", i, g.Prefix, patternChars)
		}

		// The server drops a statement that it has already.
		key := miniov1alpha1.Grant{BucketName: g.BucketName, Prefix: g.Prefix, Access: g.Access}
		if !seen[key] {
			p.Statement = append(p.Statement, allow(g)...)
		}

		seen[key] = true
	}

	return p, nil
}

// allow returns the statements of one grant.
func allow(g miniov1alpha1.Grant) []statement {
	var onObjects []string

	listed := listActions

	switch g.Access {
	case miniov1alpha1.AccessReadOnly:
		onObjects = readActions
	case miniov1alpha1.AccessWriteOnly:
		listed, onObjects = nil, writeActions
	case miniov1alpha1.AccessReadWrite:
		onObjects = slices.Concat(readActions, writeActions, deleteActions)

		if g.Prefix == "" {
			listed = slices.Concat(listActions, stageActions)
		}
	default:
		// A later version's kind of access, of which nothing is known.
		return nil
	}

	arn := "arn:aws:s3:::" + g.BucketName
	objects := statement{Effect: "Allow", Action: onObjects, Resource: []string{arn + "/" + g.Prefix + "*"}}

	if g.Prefix == "" {
		return []statement{{Effect: "Allow", Action: slices.Concat(locateActions, listed), Resource: []string{arn}}, objects}
	}

	s := []statement{{Effect: "Allow", Action: locateActions, Resource: []string{arn}}, objects}
	if len(listed) > 0 {
		s = append(s, statement{
			Effect: "Allow", Action: listed, Resource: []string{arn},
			Condition: map[string]map[string][]string{"StringLike": {"s3:prefix": {g.Prefix + "*"}}},
		})
	}

	return s
}

// document returns the policy as JSON.
func (p policy) document() ([]byte, error) {
	b, err := json.Marshal(p)

	return b, errors.Wrap(err, "cannot encode policy")
}
