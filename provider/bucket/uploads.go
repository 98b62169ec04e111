package bucket

import (
	"context"
	"strings"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// maxUploads is how many incomplete uploads one call asks for, the most that S3 allows, and how
// many are aborted in one reconcile. MinIO lists all that there are.
const maxUploads = 1000

// uploadsS3 is the part of the S3 client that aborts incomplete uploads.
type uploadsS3 interface {
	ListMultipartUploads(ctx context.Context, bucket, prefix, keyMarker, uploadIDMarker, delimiter string, maxUploads int) (miniogo.ListMultipartUploadsResult, error)
	AbortMultipartUpload(ctx context.Context, bucket, object, uploadID string) error
}

// staleUploads returns the incomplete uploads that are older than a lifecycle rule
// allows. MinIO does not implement such rules. It lists only uploads that were begun
// since it started, and aborts older ones itself, by default after 24 hours.
func staleUploads(ctx context.Context, s3 uploadsS3, b *miniov1alpha1.Bucket, now time.Time) ([]miniogo.ObjectMultipartInfo, error) {
	var rules []miniov1alpha1.LifecycleRule

	for _, r := range b.Spec.ForProvider.Lifecycle {
		if r.AbortIncompleteUploadsAfterDays != nil {
			rules = append(rules, r)
		}
	}

	if len(rules) == 0 {
		return nil, nil
	}

	all, err := s3.ListMultipartUploads(ctx, Name(b), "", "", "", "", maxUploads)
	if err != nil {
		return nil, errors.Wrapf(err, "cannot list the incomplete uploads to bucket %q", Name(b))
	}

	var stale []miniogo.ObjectMultipartInfo

	for _, u := range all.Uploads {
		for _, r := range rules {
			if strings.HasPrefix(u.Key, r.Prefix) && u.Initiated.AddDate(0, 0, int(*r.AbortIncompleteUploadsAfterDays)).Before(now) {
				stale = append(stale, u)
				break
			}
		}
	}

	return stale, nil
}

// abortUploads aborts the first maxUploads of uploads. A tenant can begin any number, and other
// tenants' buckets wait meanwhile. It is no error if one was completed or aborted before.
func abortUploads(ctx context.Context, s3 uploadsS3, bucket string, uploads []miniogo.ObjectMultipartInfo) error {
	for _, u := range uploads[:min(len(uploads), maxUploads)] {
		err := s3.AbortMultipartUpload(ctx, bucket, u.Key, u.UploadID)
		if err != nil && miniogo.ToErrorResponse(err).Code != miniogo.NoSuchUpload {
			return errors.Wrapf(err, "cannot abort the incomplete upload of %q to bucket %q", u.Key, bucket)
		}
	}

	return nil
}
