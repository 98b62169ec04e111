package admission

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/bucket"
	"github.com/cistern-dev/cistern/provider/minio"
)

// TestDeletionBoundsReads expects a review to wait until it may read from the API server, and to be
// denied if that takes too long.
func TestDeletionBoundsReads(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()

	want := response{Code: http.StatusServiceUnavailable, Message: "cannot tell what would be deleted, so nothing was deleted; " +
		"try again later: too many deletions are being checked"}

	for name, o := range map[string]client.Object{"Bucket": newBucket(empty, controlledBy("mine")), "Claim": newClaim("")} {
		t.Run(name, func(t *testing.T) {
			d := newDeletion(newKube(t, nil, newBucket(empty, controlledBy("mine"))), listContents)
			d.reads <- struct{}{}

			if diff := cmp.Diff(want, responseOf(d.review(ended, newRequest(t, o)))); diff != "" {
				t.Errorf("review(...): -want, +got:\n%s", diff)
			}

			<-d.reads

			for range 2 {
				if diff := cmp.Diff(allowed, responseOf(d.review(t.Context(), newRequest(t, o)))); diff != "" {
					t.Errorf("review(...): -want, +got:\n%s", diff)
				}
			}
		})
	}
}

// TestDeletionWhileAnotherServerHangs starts more reviews than may run, all of buckets on a server
// that does not answer. It expects a review of a bucket on another server not to wait for them.
func TestDeletionWhileAnotherServerHangs(t *testing.T) {
	on := func(config string) func(*miniov1alpha1.Bucket) {
		return func(b *miniov1alpha1.Bucket) {
			b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: config}
		}
	}
	hanging, other := newBucket(full, on("hanging")), newBucket(empty, on("other"))
	listed := make(chan struct{})

	d := newDeletion(newKube(t, nil, hanging, other), func(ctx context.Context, srv *minio.Server, name string) (bucket.Contents, error) {
		if name != full {
			return listContents(ctx, srv, name)
		}

		select {
		case listed <- struct{}{}:
			<-ctx.Done()
		case <-ctx.Done():
		}

		return bucket.Contents{}, ctx.Err()
	})

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	request := newRequest(t, hanging)
	reviewed := make(chan response)

	for range 2 * maxReads {
		go func() { reviewed <- responseOf(d.review(ctx, request)) }()
	}

	for range maxListings {
		<-listed
	}

	soon, cancelSoon := context.WithTimeout(t.Context(), reviewTimeout/2)
	defer cancelSoon()

	if diff := cmp.Diff(allowed, responseOf(d.review(soon, newRequest(t, other)))); diff != "" {
		t.Errorf("review(...) of a bucket on another server: -want, +got:\n%s", diff)
	}

	cancel()

	for range 2 * maxReads {
		if got := <-reviewed; got.Allowed || got.Code != http.StatusServiceUnavailable {
			t.Errorf("review(...) of a bucket on the server that hangs: got %+v", got)
		}
	}
}
