package reconciler

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Retries of one resource start soon, because the runtime asks for one after each
// creation to confirm it, and never lie far apart, so that a server that comes back
// is noticed.
const (
	FirstRetry = 20 * time.Millisecond
	LastRetry  = 15 * time.Second
)

// RetryLimiter returns a rate limiter that doubles the time between the retries of
// one resource, from FirstRetry up to LastRetry.
func RetryLimiter() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](FirstRetry, LastRetry)
}
