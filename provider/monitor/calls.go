// Package monitor serves metrics of the calls to servers and of the size of buckets. What it
// asks the servers for the sizes also shows which buckets have changed, so it reconciles
// these before their next poll.
package monitor

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cistern-dev/cistern/provider/minio"
)

// Calls counts and times the calls to servers. It is a collector of metrics and safe for
// concurrent use.
type Calls struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewCalls returns Calls without any count.
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
			// A plain call takes a millisecond, an encrypted one 10 to 100, and no call
			// more than the default timeout of 30 seconds.
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, labels),
	}
}

// Observe counts a call. It is a minio.Observer.
func (c *Calls) Observe(call minio.Call) {
	c.total.WithLabelValues(call.Operation, call.Outcome).Inc()
	c.duration.WithLabelValues(call.Operation, call.Outcome).Observe(call.Duration.Seconds())
}

// Describe implements prometheus.Collector.
func (c *Calls) Describe(ch chan<- *prometheus.Desc) {
	c.total.Describe(ch)
	c.duration.Describe(ch)
}

// Collect implements prometheus.Collector.
func (c *Calls) Collect(ch chan<- prometheus.Metric) {
	c.total.Collect(ch)
	c.duration.Collect(ch)
}
