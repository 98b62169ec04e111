package bucket

import (
	"bytes"
	"context"
	"maps"
	"net/url"
	"slices"

	"github.com/minio/minio-go/v7/pkg/tags"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

type tagsS3 interface {
	SetBucketTagging(ctx context.Context, bucket string, t *tags.Tags) error
	RemoveBucketTagging(ctx context.Context, bucket string) error
}

// bucketTags mean sorted keys and values, encoded like the query of a URL.
var bucketTags = setting{
	field: "tags",
	file:  fileTags,
	want: func(p *miniov1alpha1.BucketParameters) (string, bool) {
		return tagsMean(p.Tags), p.Tags != nil
	},
	have: func(file []byte) (string, error) {
		if len(file) == 0 {
			return none, nil
		}

		t, err := tags.ParseBucketXML(bytes.NewReader(file))
		if err != nil {
			return none, err
		}

		return tagsMean(t.ToMap()), nil
	},
	write: func(ctx context.Context, c clients, bucket string, p *miniov1alpha1.BucketParameters) error {
		if err := checkTags(p.Tags); err != nil {
			return err
		}

		t, err := tags.MapToBucketTags(p.Tags)
		if err != nil {
			return err
		}

		return c.s3.SetBucketTagging(ctx, bucket, t)
	},
	undo: func(ctx context.Context, c clients, bucket string) error {
		return c.s3.RemoveBucketTagging(ctx, bucket)
	},
}

// checkTags returns an error that names the first tag that the server would reject. The
// CRD cannot do that: as the schema does not bound the length of keys, a CEL rule about
// their characters exceeds the cost limit.
func checkTags(m map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if (tags.Tag{Key: key, Value: m[key]}).Validate() != nil {
			return errors.Errorf("spec.forProvider.tags[%q] of %q: key and value are made of letters A to Z and a to z, digits, spaces and + - . _ : / @ =; "+
				"correct it", key, m[key])
		}
	}

	return nil
}

func tagsMean(m map[string]string) string {
	v := url.Values{}
	for key, value := range m {
		v.Set(key, value)
	}

	return v.Encode()
}
