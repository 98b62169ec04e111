package monitoring

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	kyaml "sigs.k8s.io/yaml"
)

const (
	rulesFile     = "../../examples/monitoring/prometheusrule.yaml"
	podsFile      = "../../examples/monitoring/podmonitor.yaml"
	dashboardFile = "../../examples/monitoring/dashboard.json"
)

// head is what both kinds have in common. Only the fields that the examples have are known, so that
// a misspelt one fails: their Go types are in a module of the Prometheus Operator that this
// repository does not need otherwise.
type head struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

type prometheusRule struct {
	head

	Spec struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []rule `json:"rules"`
		} `json:"groups"`
	} `json:"spec"`
}

type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type podMonitor struct {
	head

	Spec struct {
		Selector struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"selector"`
		PodMetricsEndpoints []struct {
			Port        string `json:"port"`
			Interval    string `json:"interval"`
			HonorLabels bool   `json:"honorLabels"`
			Relabelings []struct {
				TargetLabel string `json:"targetLabel"`
				Replacement string `json:"replacement"`
			} `json:"relabelings"`
		} `json:"podMetricsEndpoints"`
	} `json:"spec"`
}

func read(t *testing.T, path string) []byte {
	t.Helper()

	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	return b
}

// readRules returns the alarms.
func readRules(t *testing.T) []rule {
	t.Helper()

	r := &prometheusRule{}
	if err := kyaml.UnmarshalStrict(read(t, rulesFile), r); err != nil {
		t.Fatal(err)
	}

	if r.APIVersion != "monitoring.coreos.com/v1" || r.Kind != "PrometheusRule" {
		t.Errorf("want a PrometheusRule of monitoring.coreos.com/v1, got %s of %s", r.Kind, r.APIVersion)
	}

	var rules []rule
	for _, g := range r.Spec.Groups {
		rules = append(rules, g.Rules...)
	}

	return rules
}

// TestPodMonitors expects one for each program, whose job is that of the alarms, and which keeps the
// namespaces of resources.
func TestPodMonitors(t *testing.T) {
	jobs := map[string]bool{}

	for document := range strings.SplitSeq(string(read(t, podsFile)), "\n---\n") {
		m := &podMonitor{}
		if err := kyaml.UnmarshalStrict([]byte(document), m); err != nil {
			t.Fatal(err)
		}

		if m.APIVersion != "monitoring.coreos.com/v1" || m.Kind != "PodMonitor" || len(m.Spec.PodMetricsEndpoints) != 1 {
			t.Fatalf("want a PodMonitor of monitoring.coreos.com/v1 with one endpoint, got %v", m)
		}

		e := m.Spec.PodMetricsEndpoints[0]
		if !e.HonorLabels || e.Port != "metrics" || len(e.Relabelings) != 1 || e.Relabelings[0].TargetLabel != "job" {
			t.Errorf("%s: want the port metrics, its labels, and a job, got %v", m.Metadata.Name, e)
		}

		for label, value := range m.Spec.Selector.MatchLabels {
			job := "cistern-" + strings.TrimPrefix(value, "cistern-dev-")
			if !strings.HasPrefix(label, "pkg.crossplane.io/") || e.Relabelings[0].Replacement != job {
				t.Errorf("%s: want the job %s of the pods that it selects, got %s", m.Metadata.Name, job, e.Relabelings[0].Replacement)
			}
		}

		jobs[e.Relabelings[0].Replacement] = true
	}

	if len(jobs) != 3 {
		t.Errorf("want three jobs, got %v", jobs)
	}

	selected := regexp.MustCompile(`job="([^"]*)"`)
	for _, e := range expressions(t) {
		for _, m := range selected.FindAllStringSubmatch(e, -1) {
			if !jobs[m[1]] {
				t.Errorf("no PodMonitor makes the job of %s", e)
			}
		}
	}
}

// TestAlarmsAreDocumented expects texts for each alarm, and a paragraph of its own in the guide.
func TestAlarmsAreDocumented(t *testing.T) {
	const guide = "https://github.com/cistern-dev/cistern/blob/main/docs/operations.md#"

	// GitHub makes anchors of headings in lower case, without punctuation.
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^### (Cistern\w+)$`).FindAllStringSubmatch(string(read(t, "../../docs/operations.md")), -1) {
		documented[strings.ToLower(m[1])] = true
	}

	for _, r := range readRules(t) {
		for _, annotation := range []string{"summary", "description", "runbook_url"} {
			if r.Annotations[annotation] == "" {
				t.Errorf("%s: there is no %s", r.Alert, annotation)
			}
		}

		switch r.Labels["severity"] {
		case "critical", "warning", "info":
		default:
			t.Errorf("%s: want a severity, got %q", r.Alert, r.Labels["severity"])
		}

		anchor, ours := strings.CutPrefix(r.Annotations["runbook_url"], guide)
		if !ours || anchor != strings.ToLower(r.Alert) || !documented[anchor] {
			t.Errorf("%s: want its own paragraph of docs/operations.md, got %s", r.Alert, r.Annotations["runbook_url"])
		}

		delete(documented, anchor)
	}

	for anchor := range documented {
		t.Errorf("docs/operations.md#%s is about no alarm", anchor)
	}
}

// dashboard is what the tests read of the dashboard.
type dashboard struct {
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Templating    struct {
		List []struct {
			Name string `json:"name"`
			Type string `json:"type"`
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Datasource  *datasource `json:"datasource"`
	Targets     []struct {
		Datasource *datasource `json:"datasource"`
		Expr       string      `json:"expr"`
	} `json:"targets"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

func readDashboard(t *testing.T) *dashboard {
	t.Helper()

	d := &dashboard{}
	if err := json.Unmarshal(read(t, dashboardFile), d); err != nil {
		t.Fatal(err)
	}

	return d
}

// TestDashboard expects each panel to query the data source that the user chooses.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)

	if len(d.Templating.List) == 0 || d.Templating.List[0].Name != "datasource" || d.Templating.List[0].Type != "datasource" {
		t.Errorf("want the data source to be a variable, got %v", d.Templating.List)
	}

	chosen, ids := datasource{Type: "prometheus", UID: "${datasource}"}, map[int]bool{}

	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the ID %d", p.ID)
		}

		ids[p.ID] = true

		if p.Type == "row" {
			continue
		}

		if p.Datasource == nil || *p.Datasource != chosen || len(p.Targets) == 0 || p.Title == "" || p.Description == "" {
			t.Errorf("panel %q: want a title, a description, queries and the chosen data source", p.Title)
		}

		for _, q := range p.Targets {
			if q.Datasource == nil || *q.Datasource != chosen {
				t.Errorf("panel %q: want the chosen data source, got %v", p.Title, q.Datasource)
			}
		}
	}
}

// expressions returns those of the alarms and of the dashboard.
func expressions(t *testing.T) []string {
	t.Helper()

	var all []string
	for _, r := range readRules(t) {
		all = append(all, r.Expr)
	}

	for _, p := range readDashboard(t).Panels {
		for _, q := range p.Targets {
			all = append(all, q.Expr)
		}
	}

	return all
}
