package bucket

import (
	"bytes"
	"context"
	"fmt"

	"github.com/minio/pkg/v3/policy"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

type anonymousS3 interface {
	SetBucketPolicy(ctx context.Context, bucket, policy string) error
}

// anonymousAccess means None or Download, whatever the bucket's policy calls it;
// something else for any other policy.
var anonymousAccess = setting{
	field: "anonymousAccess",
	file:  filePolicy,
	want: func(p *miniov1alpha1.BucketParameters) (string, bool) {
		if p.AnonymousAccess == nil {
			return none, false
		}

		return string(*p.AnonymousAccess), true
	},
	have: func(file []byte) (string, error) {
		if len(file) == 0 {
			return string(miniov1alpha1.AnonymousAccessNone), nil
		}

		return policyMeans(file), nil
	},
	write: func(ctx context.Context, c clients, bucket string, p *miniov1alpha1.BucketParameters) error {
		if *p.AnonymousAccess == miniov1alpha1.AnonymousAccessDownload {
			return c.s3.SetBucketPolicy(ctx, bucket, downloadPolicy(bucket))
		}

		return removePolicy(ctx, c, bucket)
	},
	undo: removePolicy,
	undone: func(have string, _ settings) bool {
		return have == string(miniov1alpha1.AnonymousAccessNone)
	},
}

func removePolicy(ctx context.Context, c clients, bucket string) error {
	return c.s3.SetBucketPolicy(ctx, bucket, "")
}

// downloadPolicy lets everybody read objects, and not list them.
func downloadPolicy(bucket string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::%s/*"]}]}`, bucket)
}

// policyMeans says what a bucket's policy means. The bucket's name does not
// matter: a policy is stored with its bucket, and cannot be about another.
func policyMeans(document []byte) string {
	var p policy.BucketPolicy
	if err := p.UnmarshalJSON(document); err != nil {
		return foreign
	}

	if len(p.Statements) == 0 {
		return string(miniov1alpha1.AnonymousAccessNone)
	}

	if len(p.Statements) != 1 {
		return foreign
	}

	resources := p.Statements[0].Resources.ToSlice()
	if len(resources) != 1 {
		return foreign
	}

	bucket, _, _ := bytes.Cut([]byte(resources[0].Pattern), []byte("/"))

	var download policy.BucketPolicy
	if err := download.UnmarshalJSON([]byte(downloadPolicy(string(bucket)))); err != nil || !download.Equals(p) {
		return foreign
	}

	return string(miniov1alpha1.AnonymousAccessDownload)
}
