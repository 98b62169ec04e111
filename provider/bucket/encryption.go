package bucket

import (
	"context"
	"encoding/xml"
	"strings"

	"github.com/minio/minio-go/v7/pkg/sse"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

type encryptionS3 interface {
	SetBucketEncryption(ctx context.Context, bucket string, c *sse.Configuration) error
	RemoveBucketEncryption(ctx context.Context, bucket string) error
}

// keyPrefix is the prefix that servers add to the name of a key.
const keyPrefix = "arn:aws:kms:"

// encryption means an algorithm and, with SSE-KMS, a key, such as "aws:kms my-key".
var encryption = setting{
	field: "encryption",
	file:  fileEncryption,
	want: func(p *miniov1alpha1.BucketParameters) (string, bool) {
		if p.Encryption == nil {
			return none, false
		}

		return encryptionMeans(encryptionConfig(p.Encryption)), true
	},
	have: func(file []byte) (string, error) {
		if len(file) == 0 {
			return none, nil
		}

		var c sse.Configuration

		err := xml.Unmarshal(file, &c)

		return encryptionMeans(&c), err
	},
	write: func(ctx context.Context, c clients, bucket string, p *miniov1alpha1.BucketParameters) error {
		err := c.s3.SetBucketEncryption(ctx, bucket, encryptionConfig(p.Encryption))

		switch {
		case minio.IsWithoutKMS(err):
			return errors.Wrap(err, "the server has no KMS: give it one, or unset spec.forProvider.encryption")
		case minio.IsNoSuchKMSKey(err):
			return errors.Wrapf(err, "the server's KMS has no key %q: create it, or correct spec.forProvider.encryption.kmsKeyID", p.Encryption.KMSKeyID)
		}

		return err
	},
	undo: func(ctx context.Context, c clients, bucket string) error {
		return c.s3.RemoveBucketEncryption(ctx, bucket)
	},
}

func encryptionConfig(e *miniov1alpha1.Encryption) *sse.Configuration {
	if e.Type == miniov1alpha1.EncryptionSSEKMS {
		return sse.NewConfigurationSSEKMS(e.KMSKeyID)
	}

	return sse.NewConfigurationSSES3()
}

func encryptionMeans(c *sse.Configuration) string {
	if len(c.Rules) != 1 {
		return foreign
	}

	a := c.Rules[0].Apply

	return strings.TrimSpace(a.SSEAlgorithm + " " + strings.TrimPrefix(a.KmsMasterKeyID, keyPrefix))
}
