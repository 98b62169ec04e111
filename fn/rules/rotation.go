package rules

import (
	"fmt"
	"maps"
	"strings"
	"time"

	inputv1alpha1 "github.com/cistern-dev/cistern/apis/input/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// defaultOverlap is the default of a claim's rotation.overlap.
const defaultOverlap = 24 * time.Hour

// withInterval returns a claim's rotation, with the pool's interval if the claim has none, so that a
// claim that sets only a trigger is still rotated. An overlap that is longer than that interval is
// replaced by the pool's.
func withInterval(claim, pool any) any {
	own, _ := claim.(map[string]any)
	given, _ := pool.(map[string]any)

	if own["interval"] != nil || given["interval"] == nil {
		return claim
	}

	out := maps.Clone(own)
	out["interval"] = given["interval"]

	if duration(out["overlap"]) > duration(out["interval"]) {
		out["overlap"] = given["overlap"]
	}

	return out
}

// withMaxInterval returns a pool's defaults, with the longest interval that the limits allow if there is
// a limit and no default interval: keys that are never replaced would be beyond the limit. The default
// overlap is shortened to the limits.
func withMaxInterval(defaults, limits map[string]any) map[string]any {
	field := string(inputv1alpha1.FieldRotation)
	limit, _ := limits[field].(map[string]any)
	rotation, _ := defaults[field].(map[string]any)

	if limit["maxInterval"] == nil || rotation["interval"] != nil {
		return defaults
	}

	overlap := defaultOverlap
	if rotation["overlap"] != nil {
		overlap = duration(rotation["overlap"])
	}

	overlap = min(overlap, duration(limit["maxInterval"]))
	if limit["maxOverlap"] != nil {
		overlap = min(overlap, duration(limit["maxOverlap"]))
	}

	out := maps.Clone(defaults)
	if out == nil {
		out = make(map[string]any, 1)
	}

	rotation = maps.Clone(rotation)
	if rotation == nil {
		rotation = make(map[string]any, 2)
	}

	rotation["interval"], rotation["overlap"] = limit["maxInterval"], overlap.String()
	out[field] = rotation

	return out
}

// checkRotation returns how a claim's rotation exceeds the pool's limits. A claim without an interval gets
// the pool's, which the platform chose.
func (p *Pool) checkRotation(r *tenantv1alpha1.Rotation) []string {
	if r == nil || p.Limits == nil || p.Limits.Rotation == nil {
		return nil
	}

	var problems []string

	exceeds := func(field, than string, value, limit time.Duration) {
		problems = append(problems, fmt.Sprintf("rotation.%s of %s is %s than storage pool %q allows (%s)",
			field, short(value), than, p.Name, short(limit)))
	}

	l := p.Limits.Rotation
	if r.Interval != nil && l.MinInterval != nil && r.Interval.Duration < l.MinInterval.Duration {
		exceeds("interval", "less", r.Interval.Duration, l.MinInterval.Duration)
	}

	if r.Interval != nil && l.MaxInterval != nil && r.Interval.Duration > l.MaxInterval.Duration {
		exceeds("interval", "more", r.Interval.Duration, l.MaxInterval.Duration)
	}

	if r.Overlap != nil && l.MaxOverlap != nil && r.Overlap.Duration > l.MaxOverlap.Duration {
		exceeds("overlap", "more", r.Overlap.Duration, l.MaxOverlap.Duration)
	}

	return problems
}

// short returns a duration as people write it: 24h instead of 24h0m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}

	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}

	return text
}

// duration returns the value of a duration field, which the API server has validated.
func duration(v any) time.Duration {
	text, _ := v.(string)
	d, _ := time.ParseDuration(text)

	return d
}
