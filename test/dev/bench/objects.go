package bench

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	"golang.org/x/sync/errgroup"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// newClaim returns the smallest valid claim.
func newClaim(i id) *tenantv1alpha1.Bucket {
	return &tenantv1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Namespace: i.namespace, Name: i.name}}
}

// newPair returns a Bucket, and a User with a grant for it, of the same name.
func newPair(namespace, name string) []client.Object {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	u.Spec.ForProvider.Grants = []miniov1alpha1.Grant{{BucketName: name, Access: miniov1alpha1.AccessReadWrite}}
	u.Spec.WriteConnectionSecretToReference = &xpv1.LocalSecretReference{Name: name}

	return []client.Object{&miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, u}
}

// names returns the IDs of n claims, spread over the namespaces. The names of pairs
// are names of buckets, so that they begin with the unique prefix of this run.
func (c *cluster) names(prefix string, n int) []id {
	ids := make([]id, n)
	for i := range ids {
		ids[i] = id{claims, c.namespaces[i%len(c.namespaces)], fmt.Sprintf("%s-%s-%d", c.run, prefix, i)}
	}

	return ids
}

// withKinds returns the IDs with other kinds.
func withKinds(ids []id, kinds ...kind) []id {
	others := make([]id, 0, len(ids)*len(kinds))

	for _, i := range ids {
		for _, k := range kinds {
			others = append(others, id{k, i.namespace, i.name})
		}
	}

	return others
}

// each calls do for each item, with at most atOnce concurrent calls.
func each[T any](ctx context.Context, items []T, atOnce int, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)

	for _, x := range items {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}

			return do(ctx, x)
		})
	}

	return g.Wait()
}

// makeClaims creates claims, and returns when each request was sent.
func (c *cluster) makeClaims(ctx context.Context, ids []id) (map[id]time.Time, error) {
	sent := newTimestamps(len(ids))

	return sent.at, each(ctx, ids, concurrency, func(ctx context.Context, i id) error {
		sent.add(i)

		if err := c.kube.Create(ctx, newClaim(i)); err != nil {
			return fmt.Errorf("cannot create %s: %w", i, err)
		}

		return nil
	})
}

// makePairs creates pairs of Bucket and User, and returns when the first request of
// each pair was sent.
func (c *cluster) makePairs(ctx context.Context, ids []id) (map[id]time.Time, error) {
	sent := newTimestamps(len(ids))

	return sent.at, each(ctx, ids, concurrency, func(ctx context.Context, i id) error {
		sent.add(i)

		for _, o := range newPair(i.namespace, i.name) {
			if err := c.kube.Create(ctx, o); err != nil {
				return fmt.Errorf("cannot create %T %s/%s: %w", o, i.namespace, i.name, err)
			}
		}

		return nil
	})
}

// deleteClaims deletes claims, and waits until they and their resources are gone.
// It returns when each request was sent, and when the last object of each was gone.
func (c *cluster) deleteClaims(ctx context.Context, ids []id) (sent, deleted map[id]time.Time, err error) {
	requests := newTimestamps(len(ids))
	w := c.watch.expect("gone", withKinds(ids, claims, buckets, users), gone)

	if err := each(ctx, ids, concurrency, func(ctx context.Context, i id) error {
		requests.add(i)

		return client.IgnoreNotFound(c.kube.Delete(ctx, newClaim(i)))
	}); err != nil {
		return nil, nil, fmt.Errorf("cannot delete claims: %w", err)
	}

	at, err := w.wait(ctx)

	return requests.at, latest(at), err
}

// deletePairs deletes Buckets and Users, and waits until they are gone.
func (c *cluster) deletePairs(ctx context.Context, ids []id) error {
	w := c.watch.expect("gone", withKinds(ids, buckets, users), gone)

	if err := each(ctx, ids, concurrency, func(ctx context.Context, i id) error {
		for _, o := range newPair(i.namespace, i.name) {
			if err := client.IgnoreNotFound(c.kube.Delete(ctx, o)); err != nil {
				return err
			}
		}

		return nil
	}); err != nil {
		return fmt.Errorf("cannot delete resources: %w", err)
	}

	_, err := w.wait(ctx)

	return err
}
