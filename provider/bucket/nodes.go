package bucket

import (
	"context"
	"net/url"
	"sync"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/cistern-dev/cistern/provider/minio"
)

// nodeTimeout bounds a call to one node of a server, which may not be reachable from here.
const nodeTimeout = 2 * time.Second

// newS3 returns the S3 client of a server.
func newS3(srv *minio.Server) allNodes {
	return allNodes{Core: miniogo.Core{Client: srv.S3()}, nodes: srv.Nodes}
}

// allNodes is the S3 client of a server that lists the incomplete uploads of all its nodes:
// each node of MinIO lists those only that were begun through it.
type allNodes struct {
	miniogo.Core

	nodes func() []*miniogo.Client
}

// ListMultipartUploads lists the incomplete uploads to a bucket. It leaves out those that were
// begun through a node that cannot be reached, and the latest of more than can be read.
func (c allNodes) ListMultipartUploads(ctx context.Context, bucket, prefix, keyMarker, uploadIDMarker, delimiter string, maxUploads int,
) (miniogo.ListMultipartUploadsResult, error) {
	list := func(ctx context.Context, s3 miniogo.Core) (miniogo.ListMultipartUploadsResult, error) {
		return firstUploads(s3.ListMultipartUploads(ctx, bucket, prefix, keyMarker, uploadIDMarker, delimiter, maxUploads))
	}

	all, err := list(ctx, c.Core)
	if err != nil {
		return all, err
	}

	nodes := c.nodes()
	answers := make([]miniogo.ListMultipartUploadsResult, len(nodes))

	var wg sync.WaitGroup

	for i, node := range nodes {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
			defer cancel()

			answers[i], _ = list(ctx, miniogo.Core{Client: node})
		})
	}

	wg.Wait()

	listed := make(map[string]bool)
	for _, u := range all.Uploads {
		listed[u.UploadID] = true
	}

	for _, a := range answers {
		all.IsTruncated = all.IsTruncated || a.IsTruncated

		for _, u := range a.Uploads {
			if !listed[u.UploadID] {
				listed[u.UploadID] = true
				all.Uploads = append(all.Uploads, u)
			}
		}
	}

	return all, nil
}

// firstUploads returns a list of uploads, or the beginning of one that is too large to be read.
// MinIO lists all at once, the oldest first, and a tenant can begin any number.
func firstUploads(r miniogo.ListMultipartUploadsResult, err error) (miniogo.ListMultipartUploadsResult, error) {
	if !minio.IsTooLarge(err) || len(r.Uploads) == 0 {
		return r, err
	}

	// The last one may be incomplete.
	complete := r.Uploads[:len(r.Uploads)-1]
	r.Uploads, r.IsTruncated = nil, true

	for _, u := range complete {
		// The SDK decodes keys once it has read all.
		if r.EncodingType == "url" {
			if u.Key, err = url.QueryUnescape(u.Key); err != nil {
				return miniogo.ListMultipartUploadsResult{}, errors.Wrap(err, "cannot decode the key of an upload")
			}
		}

		r.Uploads = append(r.Uploads, u)
	}

	return r, nil
}
