package main

import (
	"slices"
)

// setting says which field of a managed resource's spec a field of the claim
// becomes.
type setting struct {
	claim string
	path  []string
}

var (
	bucketSettings = []setting{
		{claim: "locking", path: []string{"spec", "forProvider", "objectLocking"}},
		{claim: "locking", path: []string{"spec", "forProvider", "retention"}},
		{claim: "quota", path: []string{"spec", "forProvider", "quota"}},
		{claim: "versioning", path: []string{"spec", "forProvider", "versioning"}},
		{claim: "lifecycle", path: []string{"spec", "forProvider", "lifecycle"}},
		{claim: "deletionPolicy", path: []string{"spec", "forProvider", "whenNotEmpty"}},
		{claim: "deletionPolicy", path: []string{"spec", "managementPolicies"}},
		{claim: "publicRead", path: []string{"spec", "forProvider", "anonymousAccess"}},
	}

	userSettings = []setting{
		{claim: "users", path: []string{"spec", "forProvider", "grants"}},
		{claim: "rotation", path: []string{"spec", "forProvider", "rotation"}},
	}
)

// missing returns the fields of the claim of which a managed resource does not
// say yet what it is to say, each once.
func missing(want map[string]any, have managedResource, settings []setting) []string {
	return differing(settings, func(s setting) bool {
		w := field(want, s.path...)

		return w != nil && !covers(have.field(s.path...), w)
	})
}

// differences returns the same, and those of which it says something that it is
// no longer to say.
func differences(want map[string]any, have managedResource, settings []setting) []string {
	return differing(settings, func(s setting) bool {
		w, h := field(want, s.path...), have.field(s.path...)

		return (w == nil) != (h == nil) || (w != nil && !covers(h, w))
	})
}

func differing(settings []setting, differs func(setting) bool) []string {
	var fields []string

	for _, s := range settings {
		if differs(s) && !slices.Contains(fields, s.claim) {
			fields = append(fields, s.claim)
		}
	}

	return fields
}

// covers reports whether have says all that want says. Lists say the same or
// not.
func covers(have, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return false
		}

		for k, v := range want {
			if !covers(have[k], v) {
				return false
			}
		}

		return true

	case []any:
		have, ok := have.([]any)

		return ok && slices.EqualFunc(have, want, covers)
	}

	return number(have) == number(want)
}

// number returns v, or the number that v is: observed ones are all of one type.
func number(v any) any {
	if i, ok := v.(int64); ok {
		return float64(i)
	}

	return v
}

// notApplied returns in which fields the claim asks for something else than
// there is. Without a Bucket there is nothing yet.
func (c composition) notApplied(o *observation) []string {
	if !o.bucket().exists() {
		return nil
	}

	fields := differences(c.bucket.Object, o.bucket(), bucketSettings)

	for _, i := range c.identities() {
		if !o.user(i).exists() {
			fields = append(fields, i.field())
			continue
		}

		for _, f := range differences(c.users[i].Object, o.user(i), userSettings) {
			if f == "users" {
				f = i.field()
			}

			fields = append(fields, f)
		}
	}

	for _, i := range o.users() {
		if _, wanted := c.users[i]; !wanted {
			fields = append(fields, i.field())
		}
	}

	slices.Sort(fields)

	return slices.Compact(fields)
}
