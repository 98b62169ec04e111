package bench

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// served is an excerpt of metrics in their text format.
const served = `# HELP rest_client_requests_total Number of HTTP requests.
# TYPE rest_client_requests_total counter
rest_client_requests_total{code="200",host="10.96.0.1:443",method="GET"} 14
rest_client_requests_total{code="404",host="10.96.0.1:443",method="GET"} 1
rest_client_requests_total{code="200",host="10.96.0.1:443",method="PUT"} 35
rest_client_requests_total_other{method="GET"} 100
cistern_minio_requests_total{operation="admin:add-user",outcome="ok"} 2
cistern_minio_requests_total{operation="admin:add-user",outcome="refused"} 1
cistern_minio_requests_total{operation="s3:CreateBucket",outcome="ok"} 1
controller_runtime_reconcile_total{controller="managed/bucket.minio.cistern.dev",result="error"} 1
controller_runtime_reconcile_total{controller="managed/bucket.minio.cistern.dev",result="requeue_after"} 4
controller_runtime_reconcile_total{controller="managed/user.minio.cistern.dev",result="success"} 3
controller_runtime_reconcile_total{controller="health/clusterproviderconfig.minio.cistern.dev",result="error"} 9
controller_runtime_active_workers{controller="managed/user.minio.cistern.dev"} 1
controller_runtime_active_workers{controller="crd-gate"} 7
workqueue_depth{controller="managed/bucket.minio.cistern.dev",name="managed/bucket.minio.cistern.dev",priority=""} 5
crossplane_managed_resource_exists{gvk="minio.cistern.dev/v1alpha1, Kind=Bucket"} 8
process_cpu_seconds_total 0.32
process_resident_memory_bytes 5.8200064e+07
process_start_time_seconds 1.79542879629e+09
`

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		names  []string
		want   samples
	}{
		"Plain": {
			"A sample without labels is read.", "process_cpu_seconds_total 0.32\n", []string{"process_cpu_seconds_total"},
			samples{{"process_cpu_seconds_total", map[string]string{}, .32}},
		},
		"Labels": {
			"Values of labels may contain spaces, commas and quotes.", `a{x="1, 2",y="a \"b\"",z=""} 3e+02` + "\n", []string{"a"},
			samples{{"a", map[string]string{"x": "1, 2", "y": `a \"b\"`, "z": ""}, 300}},
		},
		"Others":   {"A name with the same prefix is another name.", "a_total 1\na_total_other 2\n# a 3\n", []string{"a"}, nil},
		"NoNumber": {"A value that is not a number is left out.", "a x\n", []string{"a"}, nil},
		"Nothing":  {"An empty text has no samples.", "\n", []string{"a"}, nil},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, parse(tc.text, tc.names...), cmp.AllowUnexported(sample{})); diff != "" {
				t.Errorf("%s\nparse(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestParseUsage(t *testing.T) {
	want := usage{
		calls:      counts{"admin:add-user": 3, "s3:CreateBucket": 1},
		requests:   counts{"GET": 15, "PUT": 35},
		reconciles: counts{"managed/bucket.minio.cistern.dev": 5, "managed/user.minio.cistern.dev": 3},
		failed:     1,
		waiting:    6,
		cpu:        .32,
		memory:     58200064,
		started:    1795428796.29,
	}
	if diff := cmp.Diff(want, parseUsage(served), cmp.AllowUnexported(usage{})); diff != "" {
		t.Errorf("parseUsage(...): -want, +got:\n%s", diff)
	}
}

func TestUsageSince(t *testing.T) {
	earlier := usage{pod: "a", started: 1, calls: counts{"x": 1, "y": 5}, failed: 1, cpu: 2, memory: 100}
	now := usage{pod: "a", started: 1, calls: counts{"x": 4, "y": 5, "z": 2}, failed: 3, cpu: 2.5, memory: 90}

	got, err := now.since(earlier)
	if err != nil {
		t.Fatal(err)
	}

	want := usage{
		pod: "a", started: 1, calls: counts{"x": 3, "z": 2}, requests: counts{}, reconciles: counts{}, failed: 2, cpu: .5, memory: 90,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(usage{})); diff != "" {
		t.Errorf("since(...): -want, +got:\n%s", diff)
	}

	now.started = 2
	if _, err := now.since(earlier); err == nil {
		t.Error("since(...): want an error for a restarted process, got none")
	}
}

func TestCounts(t *testing.T) {
	c := counts{"a": 1, "b": 2}
	if got := c.sum(); got != 3 {
		t.Errorf("sum(): want 3, got %g", got)
	}

	if got := (counts)(nil).sum(); got != 0 {
		t.Errorf("sum() of nothing: want 0, got %g", got)
	}
}
