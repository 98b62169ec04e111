package monitor

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// The outcomes of reviews.
const (
	reviewAllowed = "allowed"
	reviewDenied  = "denied"
	reviewFailed  = "failed"
)

// Reviews counts the reviews of the admission webhooks by outcome. The counter of
// controller-runtime knows the code of HTTP, which is 200 for a review that failed too. It is a
// collector of metrics and safe for concurrent use.
type Reviews struct {
	total *prometheus.CounterVec
}

// NewReviews returns Reviews without any count.
func NewReviews() *Reviews {
	return &Reviews{total: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cistern_admission_reviews_total",
		Help: "Reviews by the admission webhooks, by path of the webhook and outcome " +
			"(allowed, denied, failed: what the review asks for cannot be told).",
	}, []string{"webhook", "outcome"})}
}

// Of returns a webhook whose reviews are counted under its path.
func (r *Reviews) Of(path string, hook *admission.Webhook) *admission.Webhook {
	for _, outcome := range []string{reviewAllowed, reviewDenied, reviewFailed} {
		r.total.WithLabelValues(path, outcome) // A rate needs a first sample of zero.
	}

	next := hook.Handler
	hook.Handler = admission.HandlerFunc(func(ctx context.Context, req admission.Request) admission.Response {
		outcome := reviewFailed // It stays so if the review panics.
		defer func() { r.total.WithLabelValues(path, outcome).Inc() }()

		rsp := next.Handle(ctx, req)
		outcome = outcomeOf(rsp)

		return rsp
	})

	return hook
}

// outcomeOf returns the outcome of a review. One that is denied says so as a rule does, by the
// code Forbidden.
func outcomeOf(rsp admission.Response) string {
	switch {
	case rsp.Allowed:
		return reviewAllowed
	case rsp.Result != nil && rsp.Result.Code == http.StatusForbidden:
		return reviewDenied
	default:
		return reviewFailed
	}
}

// Describe implements prometheus.Collector.
func (r *Reviews) Describe(ch chan<- *prometheus.Desc) { r.total.Describe(ch) }

// Collect implements prometheus.Collector.
func (r *Reviews) Collect(ch chan<- prometheus.Metric) { r.total.Collect(ch) }
