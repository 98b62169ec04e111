package bench

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNumber(t *testing.T) {
	cases := map[string]struct {
		reason string
		v      float64
		want   string
	}{
		"Zero":     {"Zero is a count.", 0, "0"},
		"Count":    {"Whole numbers are counts, and printed in full.", 12345, "12345"},
		"Small":    {"Three digits.", .04567, "0.046"},
		"One":      {"Three digits.", 1.2345, "1.23"},
		"Ten":      {"Three digits.", 12.345, "12.3"},
		"Hundred":  {"No digits after the third.", 123.45, "123"},
		"Negative": {"A slope may be negative.", -1.2345, "-1.23"},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, number(&tc.v)); diff != "" {
				t.Errorf("%s\nnumber(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}

	if got := number(nil); got != "" {
		t.Errorf("number(nil): want nothing, got %q", got)
	}
}

// TestFiguresCanBeEncoded adds figures without measurements: JSON has no NaN, and a
// report that cannot be encoded is lost.
func TestFiguresCanBeEncoded(t *testing.T) {
	p := &Part{Name: "part"}
	p.value("no number", "s", 0, math.NaN())
	p.value("without end", "s", 0, math.Inf(1))
	p.percentiles("of nothing", "s", 1, nil)
	p.value("one", "s", 1, 1.5)
	p.percentiles("two", "ms", 1000, []time.Duration{3 * time.Millisecond, time.Millisecond})

	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}

	got := &Part{}
	if err := json.Unmarshal(b, got); err != nil {
		t.Fatal(err)
	}

	want := []Figure{
		{Name: "one", Unit: "s", N: 1, Value: new(1.5)},
		{Name: "two", Unit: "ms", N: 2, P50: new(1.0), P95: new(3.0), P99: new(3.0)},
	}
	if diff := cmp.Diff(want, got.Figures); diff != "" {
		t.Errorf("figures: -want, +got:\n%s", diff)
	}
}

func TestPrint(t *testing.T) {
	p := &Part{Name: "latency", Title: "one at a time", Load: .5, Took: 12, Error: "MinIO is down"}
	p.value("claims per second", "1/s", 20, 4.5)
	p.percentiles("ready", "s", 1, []time.Duration{time.Second})

	out := &bytes.Buffer{}
	p.print(out)

	want := `
latency: one at a time (load 0.5, took 12 s)

                          n    value      p50      p95      p99
   claims per second     20     4.50                             1/s
   ready                  1                 1        1        1  s

   Not measured: MinIO is down
`

	if diff := cmp.Diff(want, trimmed(out.String())); diff != "" {
		t.Errorf("print(...): -want, +got:\n%s", diff)
	}
}

// trimmed returns text without spaces at the ends of its lines.
func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}

	return strings.Join(lines, "\n")
}
