package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/common/types/ref"

	"github.com/crossplane/function-sdk-go/errors"

	input "github.com/cistern-dev/cistern/apis/input/v1alpha1"
	tenant "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// Pool is a pool of the policy. It must not be changed.
type Pool struct {
	input.Pool

	// defaults are fields of a claim's spec.
	defaults map[string]any
	// quota is the largest, as the input has it, or "".
	quota string
	// val is the pool as rules see it.
	val ref.Val
}

// newPool takes a pool, and the same as data.
func newPool(l *language, p input.Pool, data map[string]any) *Pool {
	legible, _ := l.pool.numbers.convert(data)
	data, _ = legible.(map[string]any)

	// Rules may add to the list, each run to its own: not in the room that is
	// left at its end.
	if fields, ok := data["fields"].([]any); ok {
		data["fields"] = slices.Clip(fields)
	}

	defaults, _ := data["defaults"].(map[string]any)
	limits, _ := data["limits"].(map[string]any)
	quota, _ := limits["quota"].(string)

	return &Pool{Pool: p, defaults: defaults, quota: quota, val: l.pool.value(data)}
}

// WithDefaults returns a claim's spec with what the pool gives to claims that do
// not say otherwise. What is in it is shared with the argument and with other
// claims: it must not be changed.
func (p *Pool) WithDefaults(spec map[string]any) map[string]any {
	out := make(map[string]any, len(spec)+len(p.defaults)+1)
	maps.Copy(out, spec)

	for k, v := range p.defaults {
		// A bucket with locking is always versioned.
		if k == string(input.FieldVersioning) && spec[string(input.FieldLocking)] == true {
			continue
		}

		if out[k] == nil {
			out[k] = v
		} else if k == string(input.FieldRotation) {
			out[k] = withInterval(out[k], v)
		}
	}

	if quota := string(input.FieldQuota); out[quota] == nil && p.quota != "" {
		out[quota] = p.quota
	}

	return out
}

// withInterval returns a claim's rotation, with the pool's interval if it has none:
// who replaces a key now still has it replaced in time. The overlap is the
// claim's, as far as the interval allows.
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

// duration returns a duration of the definition, which is one for certain.
func duration(v any) time.Duration {
	text, _ := v.(string)
	d, _ := time.ParseDuration(text) // It was validated.

	return d
}

// Check says what of a claim the pool does not offer or allow, in words for the
// tenant: all of it, fields first. The spec must be what the tenant wrote,
// without the pool's defaults.
func (p *Pool) Check(spec *tenant.BucketSpec) error {
	var problems []string

	for _, f := range used(spec) {
		if !p.offers(f) {
			problems = append(problems, fmt.Sprintf("storage pool %q does not offer %s", p.Name, f))
		}
	}

	if p.Limits != nil && p.Limits.Quota != nil && spec.Quota != nil {
		// Comparing and printing change the inside of a quantity.
		if quota := spec.Quota.DeepCopy(); quota.Cmp(*p.Limits.Quota) > 0 {
			problems = append(problems, fmt.Sprintf("quota of %s is more than storage pool %q allows (%s)", &quota, p.Name, p.quota))
		}
	}

	if p.Limits != nil && p.Limits.Users != nil && len(spec.Users) > int(*p.Limits.Users) {
		problems = append(problems, fmt.Sprintf("number of users, %d, is more than storage pool %q allows (%d)", len(spec.Users), p.Name, *p.Limits.Users))
	}

	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}

	return nil
}

// used returns the fields that a claim uses: those that say something else than
// their default.
func used(spec *tenant.BucketSpec) []input.Field {
	uses := []struct {
		field input.Field
		used  bool
	}{
		{input.FieldLocking, spec.Locking},
		{input.FieldUsers, len(spec.Users) > 0},
		{input.FieldQuota, spec.Quota != nil},
		{input.FieldVersioning, spec.Versioning != nil},
		{input.FieldLifecycle, len(spec.Lifecycle) > 0},
		{input.FieldDeletionPolicy, spec.DeletionPolicy != "" && spec.DeletionPolicy != tenant.DeletionPolicyDeleteIfEmpty},
		{input.FieldRotation, spec.Rotation != nil},
		{input.FieldPublicRead, spec.PublicRead},
	}

	var fields []input.Field

	for _, u := range uses {
		if u.used {
			fields = append(fields, u.field)
		}
	}

	return fields
}

// offers says whether tenants may use a field in this pool.
func (p *Pool) offers(f input.Field) bool {
	if f == input.FieldLocking && p.Retention == nil {
		return false
	}

	// No list means the default; an empty one means none.
	if p.Fields == nil {
		return f != input.FieldPublicRead
	}

	return slices.Contains(p.Fields, f)
}
