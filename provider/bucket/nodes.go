package bucket

import (
	"context"
	"sync"
	"time"

	miniogo "github.com/minio/minio-go/v7"

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
// begun through a node that cannot be reached.
func (c allNodes) ListMultipartUploads(ctx context.Context, bucket, prefix, keyMarker, uploadIDMarker, delimiter string, maxUploads int,
) (miniogo.ListMultipartUploadsResult, error) {
	all, err := c.Core.ListMultipartUploads(ctx, bucket, prefix, keyMarker, uploadIDMarker, delimiter, maxUploads)
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

			answers[i], _ = miniogo.Core{Client: node}.ListMultipartUploads(ctx, bucket, prefix, keyMarker, uploadIDMarker, delimiter, maxUploads)
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
