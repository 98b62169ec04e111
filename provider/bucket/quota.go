package bucket

import (
	"context"
	"encoding/json"
	"iter"
	"strconv"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

type quotaS3 interface {
	ListObjectsIter(ctx context.Context, bucket string, o miniogo.ListObjectsOptions) iter.Seq[miniogo.ObjectInfo]
}

// usageServer is the part of minio.Server that reads how much buckets hold.
type usageServer interface {
	BucketUsage(ctx context.Context) ([]minio.BucketUsage, error)
}

// quota means a number of bytes. Zero is no quota.
var quota = setting{
	field: "quota",
	file:  fileQuota,
	want: func(p *miniov1alpha1.BucketParameters) (string, bool) {
		if p.Quota == nil || p.Quota.IsZero() {
			return none, p.Quota != nil
		}

		return strconv.FormatInt(p.Quota.Value(), 10), true
	},
	have: func(file []byte) (string, error) {
		if len(file) == 0 {
			return none, nil
		}

		var q madmin.BucketQuota
		if err := json.Unmarshal(file, &q); err != nil {
			return none, err
		}

		// Releases before August 2023 set the second only.
		size := max(q.Size, q.Quota)
		if size == 0 {
			return none, nil
		}

		return strconv.FormatUint(size, 10), nil
	},
	write: setQuota,
	undo: func(ctx context.Context, c clients, bucket string) error {
		return c.admin.SetBucketQuota(ctx, bucket, &madmin.BucketQuota{})
	},
}

// setQuota sets the quota, unless the bucket already holds more: the server would then
// reject every upload, and the cause would be hard to find.
func setQuota(ctx context.Context, c clients, bucket string, p *miniov1alpha1.BucketParameters) error {
	size := uint64(max(p.Quota.Value(), 0))

	holds, err := usage(ctx, c, bucket)
	if err != nil {
		return err
	}

	if holds > size {
		return errors.Errorf("spec.forProvider.quota of %s is less than the %s that the bucket holds: raise it, or delete objects first",
			p.Quota, resource.NewQuantity(int64(holds), resource.BinarySI)) //nolint:gosec // No bucket holds as much as that.
	}

	return c.admin.SetBucketQuota(ctx, bucket, &madmin.BucketQuota{Quota: size, Size: size, Type: madmin.HardQuota})
}

// usage returns how many bytes a bucket holds, according to the server's last count.
// That call answers for all buckets, so it costs more the more buckets there are; a
// bucket that lists as empty needs no such call. The listing includes versions, because
// versions of deleted objects count too.
func usage(ctx context.Context, c clients, bucket string) (uint64, error) {
	empty := true

	for o := range c.s3.ListObjectsIter(ctx, bucket, miniogo.ListObjectsOptions{Recursive: true, WithVersions: true, MaxKeys: 1}) {
		if o.Err != nil {
			return 0, errors.Wrap(o.Err, "cannot list what it holds")
		}

		empty = false

		break
	}

	if empty {
		return 0, nil
	}

	buckets, err := c.server.BucketUsage(ctx)
	if err != nil {
		return 0, errors.Wrap(err, "cannot read how much it holds")
	}

	for _, b := range buckets {
		if b.Name == bucket {
			return b.Size, nil
		}
	}

	return 0, nil
}
