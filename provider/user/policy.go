package user

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// policy is a policy document of the IAM policy language, as far as this
// package writes it.
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html.
type policy struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

type statement struct {
	Effect   string   `json:"Effect"`
	Action   []string `json:"Action"`
	Resource []string `json:"Resource,omitempty"`
}

// noAccessKeys denies a user to make further access keys for itself, which
// MinIO allows by default and which would outlive a change of its own key.
var noAccessKeys = statement{
	Effect: "Deny",
	Action: []string{"admin:CreateServiceAccount"},
}

// Actions of each kind of access, on the bucket itself and on its objects,
// sorted. None of them reads or changes a setting of the bucket.
var (
	listActions  = []string{"s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketVersions"}
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

// newPolicy renders grants to the one policy that allows them and nothing else.
func newPolicy(grants []v1alpha1.Grant) (policy, error) {
	p := policy{Version: "2012-10-17", Statement: []statement{noAccessKeys}}
	seen := map[string]bool{}

	for i, g := range grants {
		if !bucketName.MatchString(g.BucketName) {
			return p, errors.Errorf("spec.forProvider.grants[%d]: %q is not the name of a bucket", i, g.BucketName)
		}

		// The server drops a statement that it has already.
		key := g.BucketName + "/" + string(g.Access)
		if seen[key] {
			continue
		}

		seen[key] = true

		var onBucket, onObjects []string

		switch g.Access {
		case v1alpha1.AccessReadOnly:
			onBucket, onObjects = listActions, readActions
		case v1alpha1.AccessWriteOnly:
			onBucket, onObjects = []string{"s3:GetBucketLocation"}, writeActions
		case v1alpha1.AccessReadWrite:
			onBucket = slices.Concat(listActions, stageActions)
			onObjects = slices.Concat(readActions, writeActions, deleteActions)
		}

		arn := "arn:aws:s3:::" + g.BucketName
		p.Statement = append(p.Statement,
			statement{Effect: "Allow", Action: onBucket, Resource: []string{arn}},
			statement{Effect: "Allow", Action: onObjects, Resource: []string{arn + "/*"}})
	}

	return p, nil
}

// document returns the policy as JSON.
func (p policy) document() ([]byte, error) {
	b, err := json.Marshal(p)

	return b, errors.Wrap(err, "cannot encode policy")
}

// means reports whether a document that the server has means the same as the
// policy: the server stores actions and resources as sets and returns them in
// an order of its own. A document with anything that this package does not write,
// such as a condition, does not mean the same.
func (p policy) means(document []byte) bool {
	var other policy

	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()

	if err := d.Decode(&other); err != nil {
		return false
	}

	return slices.EqualFunc(p.Statement, other.Statement, func(a, b statement) bool {
		return a.Effect == b.Effect && sameSet(a.Action, b.Action) && sameSet(a.Resource, b.Resource)
	})
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))

	return slices.Equal(slices.Compact(a), slices.Compact(b))
}
