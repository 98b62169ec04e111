package reconciler

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// FirstRetry is the delay before the first retry of a resource. It is short because
	// the runtime confirms each creation by a retry.
	FirstRetry = 20 * time.Millisecond

	// LastRetry is the longest delay between two retries of a resource. It bounds how
	// long a server that has come back goes unnoticed.
	LastRetry = 15 * time.Second
)

// RetryLimiter returns a rate limiter that doubles the delay between the retries of
// one resource, from FirstRetry up to LastRetry.
func RetryLimiter() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](FirstRetry, LastRetry)
}
