// Package monitor measures how servers are used: the calls that are made to them,
// and what the buckets on them hold.
package monitor

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cistern-dev/cistern/provider/minio"
)

// Calls counts and times calls to servers. It is a collector of metrics, and is
// safe for concurrent use.
type Calls struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewCalls returns Calls that have counted nothing yet.
func NewCalls() *Calls {
	labels := []string{"operation", "outcome"}

	return &Calls{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cistern_minio_requests_total",
			Help: "Calls to MinIO servers that are over, by operation (such as admin:add-user or s3:GetBucketVersioning) and outcome (ok, refused: 4xx, failed: 5xx, error: no answer).",
		}, labels),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cistern_minio_request_duration_seconds",
			Help: "Time from sending a call to a MinIO server to the end of its answer.",
			// A plain call takes a millisecond, an encrypted one ten to a
			// hundred, and none more than thirty seconds by default.
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, labels),
	}
}

// Observe counts a call. It is a minio.Observer.
func (c *Calls) Observe(call minio.Call) {
	c.total.WithLabelValues(call.Operation, call.Outcome).Inc()
	c.duration.WithLabelValues(call.Operation, call.Outcome).Observe(call.Duration.Seconds())
}

// Describe describes the metrics.
func (c *Calls) Describe(ch chan<- *prometheus.Desc) {
	c.total.Describe(ch)
	c.duration.Describe(ch)
}

// Collect returns the metrics.
func (c *Calls) Collect(ch chan<- prometheus.Metric) {
	c.total.Collect(ch)
	c.duration.Collect(ch)
}
