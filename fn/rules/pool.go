package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/common/types/ref"

	"github.com/crossplane/function-sdk-go/errors"

	inputv1alpha1 "github.com/cistern-dev/cistern/apis/input/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// Pool is a pool of the policy. It is shared by concurrent runs, and must not be changed.
type Pool struct {
	inputv1alpha1.Pool

	// defaults are fields of a claim's spec, by name.
	defaults map[string]any
	// quota is the limit as it is written in the input, the empty string if there is none.
	quota string
	// val is the pool as CEL sees it.
	val ref.Val
}

// newPool returns a pool, given both as a typed value and as the same data.
func newPool(l *language, p inputv1alpha1.Pool, data map[string]any) *Pool {
	data, _ = l.pool.schema.withNumbers(data).(map[string]any)

	// Concurrent evaluations may append to this list; clipping makes each append copy it.
	if fields, ok := data["fields"].([]any); ok {
		data["fields"] = slices.Clip(fields)
	}

	defaults, _ := data["defaults"].(map[string]any)
	limits, _ := data["limits"].(map[string]any)
	quota, _ := limits["quota"].(string)

	return &Pool{Pool: p, defaults: defaults, quota: quota, val: l.pool.value(data)}
}

// WithDefaults returns a copy of a claim's spec with the pool's defaults for the fields that are not
// set. The fields' values are shared with the argument and with other claims, and must not be changed.
func (p *Pool) WithDefaults(spec map[string]any) map[string]any {
	out := make(map[string]any, len(spec)+len(p.defaults)+1)
	maps.Copy(out, spec)

	for k, v := range p.defaults {
		// A bucket with locking is always versioned.
		if k == string(inputv1alpha1.FieldVersioning) && spec[string(inputv1alpha1.FieldLocking)] == true {
			continue
		}

		if out[k] == nil {
			out[k] = v
		} else if k == string(inputv1alpha1.FieldRotation) {
			out[k] = withInterval(out[k], v)
		}
	}

	if quota := string(inputv1alpha1.FieldQuota); out[quota] == nil && p.quota != "" {
		out[quota] = p.quota
	}

	return out
}

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

// duration returns the value of a duration field, which the API server has validated.
func duration(v any) time.Duration {
	text, _ := v.(string)
	d, _ := time.ParseDuration(text)

	return d
}

// Check returns an error if a claim uses fields that the pool does not offer, or exceeds its limits. The
// error lists all problems, for the tenant. The spec must be without the pool's defaults.
func (p *Pool) Check(spec *tenantv1alpha1.BucketSpec) error {
	var problems []string

	for _, f := range used(spec) {
		if !p.offers(f) {
			problems = append(problems, fmt.Sprintf("storage pool %q does not offer %s", p.Name, f))
		}
	}

	if p.Limits != nil && p.Limits.Quota != nil && spec.Quota != nil {
		// Comparing and printing a quantity change its internal cache, so they need a copy.
		if quota := spec.Quota.DeepCopy(); quota.Cmp(*p.Limits.Quota) > 0 {
			problems = append(problems, fmt.Sprintf("quota of %s is more than storage pool %q allows (%s)", &quota, p.Name, p.quota))
		}
	}

	if p.Limits != nil && p.Limits.Users != nil && len(spec.Users) > int(*p.Limits.Users) {
		problems = append(problems, fmt.Sprintf("number of users, %d, is more than storage pool %q allows (%d)",
			len(spec.Users), p.Name, *p.Limits.Users))
	}

	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}

	return nil
}

// used returns the fields that a claim uses: those whose value differs from their default.
func used(spec *tenantv1alpha1.BucketSpec) []inputv1alpha1.Field {
	uses := []struct {
		field inputv1alpha1.Field
		used  bool
	}{
		{inputv1alpha1.FieldLocking, spec.Locking},
		{inputv1alpha1.FieldUsers, len(spec.Users) > 0},
		{inputv1alpha1.FieldQuota, spec.Quota != nil},
		{inputv1alpha1.FieldVersioning, spec.Versioning != nil},
		{inputv1alpha1.FieldLifecycle, len(spec.Lifecycle) > 0},
		{inputv1alpha1.FieldDeletionPolicy, spec.DeletionPolicy != "" && spec.DeletionPolicy != tenantv1alpha1.DeletionPolicyDeleteIfEmpty},
		{inputv1alpha1.FieldRotation, spec.Rotation != nil},
		{inputv1alpha1.FieldPublicRead, spec.PublicRead},
	}

	var fields []inputv1alpha1.Field

	for _, u := range uses {
		if u.used {
			fields = append(fields, u.field)
		}
	}

	return fields
}

// offers reports whether tenants may use a field in this pool.
func (p *Pool) offers(f inputv1alpha1.Field) bool {
	if f == inputv1alpha1.FieldLocking && p.Retention == nil {
		return false
	}

	// A list that is not set means the default; an empty list offers no field.
	if p.Fields == nil {
		return f != inputv1alpha1.FieldPublicRead
	}

	return slices.Contains(p.Fields, f)
}
