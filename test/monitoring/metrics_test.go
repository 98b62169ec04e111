package monitoring

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// exported returns the series of the records, which are what a provider and the function served at
// /metrics: for each name its sets of labels.
func exported(t *testing.T) map[string][]map[string]string {
	t.Helper()

	found := map[string][]map[string]string{}

	for _, file := range []string{"testdata/provider-minio.txt", "testdata/function-bucket.txt"} {
		parser := expfmt.NewTextParser(model.LegacyValidation)

		families, err := parser.TextToMetricFamilies(bytes.NewReader(read(t, file)))
		if err != nil {
			t.Fatal(err)
		}

		for name, f := range families {
			for _, m := range f.GetMetric() {
				labels := map[string]string{}
				for _, l := range m.GetLabel() {
					labels[l.GetName()] = l.GetValue()
				}

				for _, series := range seriesOf(name, f.GetType()) {
					series.add(found, labels)
				}
			}
		}
	}

	return found
}

// series is one of those that a metric is stored as.
type series struct{ name, label string }

func (s series) add(found map[string][]map[string]string, labels map[string]string) {
	own := maps.Clone(labels)
	if s.label != "" {
		own[s.label] = ""
	}

	found[s.name] = append(found[s.name], own)
}

func seriesOf(name string, kind dto.MetricType) []series {
	switch kind { //nolint:exhaustive // The others are stored under their own names.
	case dto.MetricType_HISTOGRAM:
		return []series{{name: name + "_bucket", label: "le"}, {name: name + "_sum"}, {name: name + "_count"}}
	case dto.MetricType_SUMMARY:
		return []series{{name: name, label: "quantile"}, {name: name + "_sum"}, {name: name + "_count"}}
	default:
		return []series{{name: name}}
	}
}

var (
	quoted    = regexp.MustCompile(`"[^"]*"`)
	ranges    = regexp.MustCompile(`\[[^\]]*\]`)
	groupings = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	selectors = regexp.MustCompile(`\b([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\}|\()?`)
	matchers  = regexp.MustCompile(`([a-zA-Z_]\w*)\s*(=~|!~|!=|=)`)
)

// keywords of PromQL that are no names. promtool parses the expressions; see TestAlarms.
var keywords = []string{"or", "and", "unless", "bool", "offset", "inf", "nan", "by", "without", "on", "ignoring"}

// selected returns the metrics that an expression names, with the labels that it selects by.
func selected(expr string) map[string][]string {
	expr = groupings.ReplaceAllString(ranges.ReplaceAllString(quoted.ReplaceAllString(expr, `""`), ""), " ")
	found := map[string][]string{}

	for _, m := range selectors.FindAllStringSubmatch(expr, -1) {
		if m[2] == "(" || slices.Contains(keywords, strings.ToLower(m[1])) {
			continue
		}

		found[m[1]] = append(found[m[1]], "")

		for _, l := range matchers.FindAllStringSubmatch(m[2], -1) {
			found[m[1]] = append(found[m[1]], l[1])
		}
	}

	return found
}

// targetLabels are those that Prometheus adds to each series, and up is its own metric.
var targetLabels = []string{"job", "instance", "pod", "container", "namespace", ""}

// TestMetricsAreExported expects every metric of the alarms and the dashboard to be one that is
// served, with the labels by which it is selected.
func TestMetricsAreExported(t *testing.T) {
	served := exported(t)
	served["up"] = []map[string]string{{}}

	for _, expr := range expressions(t) {
		names := selected(expr)
		if len(names) == 0 {
			t.Errorf("no metric was found in %s", expr)
		}

		for name, labels := range names {
			if len(served[name]) == 0 {
				t.Errorf("nothing serves %s, which is in %s", name, expr)
				continue
			}

			for _, l := range labels {
				if _, found := served[name][0][l]; !found && !slices.Contains(targetLabels, l) {
					t.Errorf("%s has no label %s, which is in %s", name, l, expr)
				}
			}
		}
	}
}

// TestSelected reads names and labels from an expression, so that TestMetricsAreExported can fail.
func TestSelected(t *testing.T) {
	got := selected(`sum by (a, b) (rate(x_total{c="d", e=~"f{g}"}[5m])) / on(h) group_left (i) max(y) > 1e3 or z == bool 1`)

	if want := []string{"x_total", "y", "z"}; !slices.Equal(slices.Sorted(maps.Keys(got)), want) {
		t.Errorf("want %v, got %v", want, got)
	}

	if want := []string{"", "c", "e"}; !slices.Equal(got["x_total"], want) {
		t.Errorf("want the labels %q, got %q", want, got["x_total"])
	}
}
