package bucket

import (
	"context"
	"fmt"
	"iter"
	"strings"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/cistern-dev/cistern/provider/minio"
)

// counted is how much of a bucket is counted at most: what a server lists in one
// call. Nobody needs to know more to know that a bucket is not empty.
const counted = 1000

// Contents is what is left in a bucket.
type Contents struct {
	// Objects that a plain listing shows.
	Objects int
	// Versions of objects that were replaced or deleted.
	Versions int
	// Markers of objects that were deleted while versioning was on.
	Markers int
	// Uploads in parts that were begun and neither completed nor aborted.
	Uploads int
	// More says that not everything was counted.
	More bool
}

// Empty reports whether nothing is left.
func (l Contents) Empty() bool { return l.Objects+l.Versions+l.Markers+l.Uploads == 0 }

// String says what is left, such as "2 objects and 1 incomplete upload". It is
// the same each time the same is left.
func (l Contents) String() string {
	var parts []string

	for _, p := range []struct {
		n    int
		what string
	}{
		{l.Objects, "object"},
		{l.Versions, "noncurrent version"},
		{l.Markers, "delete marker"},
		{l.Uploads, "incomplete upload"},
	} {
		switch {
		case p.n == 1:
			parts = append(parts, "1 "+p.what)
		case p.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", p.n, p.what))
		}
	}

	if len(parts) == 0 {
		return "nothing"
	}

	text := parts[len(parts)-1]
	if head := parts[:len(parts)-1]; len(head) > 0 {
		text = strings.Join(head, ", ") + " and " + text
	}

	if l.More {
		text = "at least " + text
	}

	return text
}

// ListContents looks what is left in a bucket, at a cost that does not grow with the
// bucket. If the bucket does not exist the error satisfies minio.IsNotFound.
func ListContents(ctx context.Context, srv *minio.Server, name string) (Contents, error) {
	return look(ctx, miniogo.Core{Client: srv.S3}, name)
}

// lookS3 is what is needed to look into a bucket.
type lookS3 interface {
	ListObjectsIter(ctx context.Context, bucket string, o miniogo.ListObjectsOptions) iter.Seq[miniogo.ObjectInfo]
	ListMultipartUploads(ctx context.Context, bucket, prefix, keyMarker, uploadIDMarker, delimiter string, maxUploads int) (miniogo.ListMultipartUploadsResult, error)
}

func look(ctx context.Context, s3 lookS3, name string) (Contents, error) {
	l := Contents{}

	for o := range s3.ListObjectsIter(ctx, name, miniogo.ListObjectsOptions{Recursive: true, WithVersions: true, MaxKeys: counted}) {
		switch {
		case o.Err != nil:
			return Contents{}, errors.Wrapf(o.Err, "cannot list what is in bucket %q", name)
		case o.IsDeleteMarker:
			l.Markers++
		case o.IsLatest:
			l.Objects++
		default:
			l.Versions++
		}

		if l.Objects+l.Versions+l.Markers == counted {
			l.More = true
			break
		}
	}

	uploads, err := s3.ListMultipartUploads(ctx, name, "", "", "", "", counted)
	if err != nil {
		return Contents{}, errors.Wrapf(err, "cannot list the incomplete uploads to bucket %q", name)
	}

	l.Uploads = len(uploads.Uploads)
	l.More = l.More || uploads.IsTruncated

	return l, nil
}
