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

// maxCounted bounds how many objects and versions of a bucket are counted, and how many
// uploads: a server lists that many in one call. To report that a bucket is not empty,
// more is not needed.
const maxCounted = 1000

// Contents counts what a bucket holds.
type Contents struct {
	// Objects that a plain listing shows.
	Objects int
	// Versions of objects that were replaced or deleted.
	Versions int
	// Markers of objects that were deleted while versioning was on.
	Markers int
	// Uploads in parts that were begun and neither completed nor aborted.
	Uploads int
	// More reports whether the bucket holds more than was counted.
	More bool
}

// Empty reports whether the bucket holds nothing.
func (c Contents) Empty() bool { return c.Objects+c.Versions+c.Markers+c.Uploads == 0 }

// String describes the contents, such as "2 objects and 1 incomplete upload". The text
// changes only if the contents do.
func (c Contents) String() string {
	var parts []string

	for _, p := range []struct {
		n    int
		what string
	}{
		{c.Objects, "object"},
		{c.Versions, "noncurrent version"},
		{c.Markers, "delete marker"},
		{c.Uploads, "incomplete upload"},
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

	if c.More {
		text = "at least " + text
	}

	return text
}

// ListContents counts what a bucket holds, in two calls, however much that is. If the
// bucket does not exist, the error satisfies minio.IsNotFound.
func ListContents(ctx context.Context, srv *minio.Server, name string) (Contents, error) {
	return listContents(ctx, newS3(srv), name)
}

// contentsS3 is the part of the S3 client that lists what a bucket holds.
type contentsS3 interface {
	ListObjectsIter(ctx context.Context, bucket string, o miniogo.ListObjectsOptions) iter.Seq[miniogo.ObjectInfo]
	ListMultipartUploads(ctx context.Context, bucket, prefix, keyMarker, uploadIDMarker, delimiter string, maxUploads int) (miniogo.ListMultipartUploadsResult, error)
}

func listContents(ctx context.Context, s3 contentsS3, name string) (Contents, error) {
	c := Contents{}

	for o := range s3.ListObjectsIter(ctx, name, miniogo.ListObjectsOptions{Recursive: true, WithVersions: true, MaxKeys: maxCounted}) {
		switch {
		case o.Err != nil:
			return Contents{}, errors.Wrapf(o.Err, "cannot list what is in bucket %q", name)
		case o.IsDeleteMarker:
			c.Markers++
		case o.IsLatest:
			c.Objects++
		default:
			c.Versions++
		}

		if c.Objects+c.Versions+c.Markers == maxCounted {
			c.More = true
			break
		}
	}

	uploads, err := s3.ListMultipartUploads(ctx, name, "", "", "", "", maxCounted)
	if err != nil {
		return Contents{}, errors.Wrapf(err, "cannot list the incomplete uploads to bucket %q", name)
	}

	c.Uploads = len(uploads.Uploads)
	c.More = c.More || uploads.IsTruncated

	return c, nil
}
