//go:build e2e

package monitoring

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	kyaml "sigs.k8s.io/yaml"

	"github.com/cistern-dev/cistern/test/dev/tools"
)

// alarmsFile has the unit tests of the alarms, which promtool runs.
const alarmsFile = "testdata/alarms.yaml"

// alarmTests is what TestAlarmsAreTested reads of them.
type alarmTests struct {
	Tests []struct {
		Name        string `json:"name"`
		InputSeries []struct {
			Series string `json:"series"`
		} `json:"input_series"`
		AlertRuleTest []struct {
			AlertName string           `json:"alertname"`
			ExpAlerts []map[string]any `json:"exp_alerts"`
		} `json:"alert_rule_test"`
	} `json:"tests"`
}

func readAlarmTests(t *testing.T) *alarmTests {
	t.Helper()

	tests := &alarmTests{}
	if err := kyaml.Unmarshal(read(t, alarmsFile), tests); err != nil {
		t.Fatal(err)
	}

	return tests
}

// TestAlarms has Prometheus's own tool check the rules, and run their unit tests.
func TestAlarms(t *testing.T) {
	// promtool takes minutes to build if it is not in the cache.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()

	paths, err := tools.Build(ctx, os.Stderr, "promtool")
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()

	// A file of rules is the spec of a PrometheusRule.
	var manifest struct {
		Spec map[string]any `json:"spec"`
	}
	if err := kyaml.Unmarshal(read(t, rulesFile), &manifest); err != nil {
		t.Fatal(err)
	}

	rules, err := kyaml.Marshal(manifest.Spec)
	if err != nil {
		t.Fatal(err)
	}

	for name, content := range map[string][]byte{"rules.yaml": rules, "alarms.yaml": read(t, alarmsFile)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"},
		{"test", "rules", "alarms.yaml"},
	} {
		cmd := exec.CommandContext(ctx, paths["promtool"], args...)
		cmd.Dir = dir

		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestAlarmsAreTested expects each alarm to have a test in which it fires, and then ends.
func TestAlarmsAreTested(t *testing.T) {
	fires, ends := map[string]bool{}, map[string]bool{}

	for _, g := range readAlarmTests(t).Tests {
		for _, c := range g.AlertRuleTest {
			if len(c.ExpAlerts) > 0 {
				fires[c.AlertName] = true
			} else if fires[c.AlertName] {
				ends[c.AlertName] = true
			}
		}
	}

	for _, r := range readRules(t) {
		if !fires[r.Alert] || !ends[r.Alert] {
			t.Errorf("%s: want a test in which it fires (%t), and then ends (%t)", r.Alert, fires[r.Alert], ends[r.Alert])
		}
	}
}

// TestAlarmsAreTestedWithRecords expects the series of the tests to have the labels of those that
// were served, beside the labels that Prometheus adds.
func TestAlarmsAreTestedWithRecords(t *testing.T) {
	served := exported(t)
	served["up"] = []map[string]string{{}}

	label := regexp.MustCompile(`(\w+)="([^"]*)"`)

	for _, g := range readAlarmTests(t).Tests {
		for _, s := range g.InputSeries {
			name, labels, _ := strings.Cut(s.Series, "{")

			got := map[string]bool{}
			for _, l := range label.FindAllStringSubmatch(labels, -1) {
				got[l[1]] = true
			}

			for _, added := range []string{"job", "instance", "pod"} {
				if !got[added] {
					t.Errorf("%s: Prometheus adds the label %s", s.Series, added)
				}

				delete(got, added)
			}

			if len(served[name]) == 0 {
				t.Errorf("%s: nothing serves it", s.Series)
				continue
			}

			want := map[string]bool{}
			for l := range served[name][0] {
				want[l] = true
			}

			if !want["namespace"] { // It is that of the pod then.
				delete(got, "namespace")
			}

			if !maps.Equal(want, got) {
				t.Errorf("%s: want the labels %v, got %v", s.Series, want, got)
			}
		}
	}
}
