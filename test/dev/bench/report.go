package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Report is the result of a run.
type Report struct {
	Date    time.Time
	Options Options
	Machine Machine
	Parts   []*Part
}

// Machine describes the machine that everything ran on: servers, provider, function
// and the benchmark itself.
type Machine struct {
	Cores  int
	CPU    string
	Memory int64 // bytes
	Go     string
}

// Part is the result of one part of the benchmark.
type Part struct {
	Name  string
	Title string
	// Load is the machine's load average over the minute before the part began: the
	// number of processes that ran, or waited for a core.
	Load    float64
	Took    float64 // seconds
	Figures []Figure
	// Error is why some figures could not be measured.
	Error string `json:",omitempty"`
}

// Figure is one value, or the percentiles of several.
type Figure struct {
	Name string
	Unit string
	// N is the number of measurements, or of events, behind the figure.
	N     int
	Value *float64 `json:",omitempty"`
	P50   *float64 `json:",omitempty"`
	P95   *float64 `json:",omitempty"`
	P99   *float64 `json:",omitempty"`
}

// value adds a figure of n events. It leaves out NaN and infinity, which mean that
// there was nothing to compute, and which JSON cannot encode.
func (p *Part) value(name, unit string, n int, v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		p.Figures = append(p.Figures, Figure{Name: name, Unit: unit, N: n, Value: &v})
	}
}

// percentiles adds a figure of durations, in a unit of which a second has perSecond.
func (p *Part) percentiles(name, unit string, perSecond float64, took []time.Duration) {
	if len(took) == 0 {
		return
	}

	sorted := seconds(took)
	of := func(percent float64) *float64 {
		v := percentile(sorted, percent) * perSecond

		return &v
	}

	p.Figures = append(p.Figures, Figure{Name: name, Unit: unit, N: len(took), P50: of(50), P95: of(95), P99: of(99)})
}

// counts adds a figure for each count, multiplied by factor.
func (p *Part) counts(name, unit string, c counts, factor float64) {
	for _, what := range slices.Sorted(maps.Keys(c)) {
		p.value(name+": "+what, unit, int(c[what]), c[what]*factor)
	}
}

// thisMachine returns the description of this machine.
func thisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	m.CPU = field("/proc/cpuinfo", "model name")

	kib, _ := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	m.Memory = kib << 10

	return m
}

// load returns the machine's load average over the last minute.
func load() float64 {
	b, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(b), " ")
	l, _ := strconv.ParseFloat(first, 64)

	return l
}

// field returns the first value of a name in a file of lines "name : value", or ""
// if there is none.
func field(file, name string) string {
	b, _ := os.ReadFile(file)
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}

	return ""
}

// write writes the report to a file, as JSON.
func (r *Report) write(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the report: %w", err)
	}

	if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}

	return nil
}

// printHead writes the date and the machine of the run, for people.
func (r *Report) printHead(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "\nBenchmark of %s: %d cores (%s), %.1f GiB, %s, all on this machine.\n",
		r.Date.Format("2006-01-02 15:04"), m.Cores, m.CPU, float64(m.Memory)/(1<<30), m.Go)
}

// print writes the part as a table for people.
func (p *Part) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s (load %.1f, took %.0f s)\n\n", p.Name, p.Title, p.Load, p.Took)

	const row = "   %-*s %6s %8s %8s %8s %8s  %s\n"

	width := p.width()
	fmt.Fprintf(w, row, width, "", "n", "value", "p50", "p95", "p99", "")

	for _, f := range p.Figures {
		fmt.Fprintf(w, row, width, f.Name, strconv.Itoa(f.N), number(f.Value), number(f.P50), number(f.P95), number(f.P99), f.Unit)
	}

	if p.Error != "" {
		fmt.Fprintf(w, "\n   Not measured: %s\n", p.Error)
	}
}

// width returns the width of the longest name of a figure.
func (p *Part) width() int {
	n := 0
	for _, f := range p.Figures {
		n = max(n, len([]rune(f.Name)))
	}

	return n
}

// number formats a value with three significant digits.
func number(v *float64) string {
	if v == nil {
		return ""
	}

	switch abs := math.Abs(*v); {
	case *v == math.Trunc(*v) && abs < 1e6, abs >= 100:
		return strconv.FormatFloat(*v, 'f', 0, 64)
	case abs >= 10:
		return strconv.FormatFloat(*v, 'f', 1, 64)
	case abs >= 1:
		return strconv.FormatFloat(*v, 'f', 2, 64)
	}

	return strconv.FormatFloat(*v, 'f', 3, 64)
}
