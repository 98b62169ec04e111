package main

import "slices"

// field says which field of a managed resource a field of the claim becomes.
type field struct {
	claim string
	path  []string
}

var (
	bucketFields = []field{
		{claim: "locking", path: []string{"spec", "forProvider", "objectLocking"}},
		{claim: "locking", path: []string{"spec", "forProvider", "retention"}},
		{claim: "quota", path: []string{"spec", "forProvider", "quota"}},
		{claim: "versioning", path: []string{"spec", "forProvider", "versioning"}},
		{claim: "lifecycle", path: []string{"spec", "forProvider", "lifecycle"}},
		{claim: "deletionPolicy", path: []string{"spec", "forProvider", "whenNotEmpty"}},
		{claim: "deletionPolicy", path: []string{"spec", "managementPolicies"}},
		{claim: "publicRead", path: []string{"spec", "forProvider", "anonymousAccess"}},
	}

	userFields = []field{
		{claim: "users", path: []string{"spec", "forProvider", "grants"}},
		// Not servedAccessKeyID, which is the function's own.
		{claim: "rotation", path: []string{"spec", "forProvider", "rotation", "interval"}},
		{claim: "rotation", path: []string{"spec", "forProvider", "rotation", "overlap"}},
		{claim: "rotation", path: []string{"spec", "forProvider", "rotation", "trigger"}},
	}
)

// applied reports whether all that the claim asks for has reached the managed resource's spec.
func applied(want map[string]any, have managedResource, fields []field) bool {
	return !slices.ContainsFunc(fields, func(f field) bool {
		w := nested(want, f.path...)

		return w != nil && !covers(have.field(f.path...), w)
	})
}

// differences returns the claim fields that have not reached the managed resource's spec yet, or whose old
// value is still in it, each once.
func differences(want map[string]any, have managedResource, fields []field) []string {
	return claimFields(fields, func(f field) bool {
		w, h := nested(want, f.path...), have.field(f.path...)

		return (w == nil) != (h == nil) || (w != nil && !covers(h, w))
	})
}

// claimFields returns the claim fields of which differs is true, each once.
func claimFields(fields []field, differs func(field) bool) []string {
	var names []string

	for _, f := range fields {
		if differs(f) && !slices.Contains(names, f.claim) {
			names = append(names, f.claim)
		}
	}

	return names
}

// covers reports whether have has every field of want with the same value. The provider may have set
// further fields. Lists must have equal length.
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

// number returns v, an integer as float64: numbers are float64 in observed resources, and int64 in
// desired ones.
func number(v any) any {
	if i, ok := v.(int64); ok {
		return float64(i)
	}

	return v
}

// notApplied returns the claim fields whose desired value differs from the observed resources. It
// returns none before the Bucket exists, as nothing is applied then.
func (d desired) notApplied(o *observed) []string {
	if d.bucket == nil || !o.bucket().exists() {
		return nil
	}

	names := differences(d.bucket.Object, o.bucket(), bucketFields)

	for _, i := range d.identities() {
		if !o.user(i).exists() {
			names = append(names, i.field())
			continue
		}

		for _, name := range differences(d.users[i].Object, o.user(i), userFields) {
			if name == "users" {
				name = i.field()
			}

			names = append(names, name)
		}
	}

	for _, i := range o.users() {
		if _, wanted := d.users[i]; !wanted {
			names = append(names, i.field())
		}
	}

	slices.Sort(names)

	return slices.Compact(names)
}
