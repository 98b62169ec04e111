package monitor

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cistern-dev/cistern/provider/minio"
)

func TestCalls(t *testing.T) {
	c := NewCalls()
	for range 2 {
		c.Observe(minio.Call{Operation: "admin:add-user", Outcome: minio.OutcomeOK, Duration: 20 * time.Millisecond})
	}

	want := `
# HELP cistern_minio_requests_total Calls to MinIO servers that are over, by operation (such as admin:add-user or s3:GetBucketVersioning) and outcome (ok, refused: 4xx, failed: 5xx, error: no answer).
# TYPE cistern_minio_requests_total counter
cistern_minio_requests_total{operation="admin:add-user",outcome="ok"} 2
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), "cistern_minio_requests_total"); err != nil {
		t.Error(err)
	}

	if n := testutil.CollectAndCount(c, "cistern_minio_request_duration_seconds"); n != 1 {
		t.Errorf("want one histogram, got %d", n)
	}
}
