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

// anonymousAccess means None or Download, however the bucket's policy is written; any
// other policy is foreign.
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
	undone: func(have string, _ metadata) bool {
		return have == string(miniov1alpha1.AnonymousAccessNone)
	},
}

func removePolicy(ctx context.Context, c clients, bucket string) error {
	return c.s3.SetBucketPolicy(ctx, bucket, "")
}

// downloadPolicy lets anyone read objects whose names they know, but not list them.
func downloadPolicy(bucket string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::%s/*"]}]}`, bucket)
}

// policyMeans returns the meaning of a bucket's policy. The bucket's name need not be
// checked: the server stores a policy with its bucket, and it applies to no other.
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
