//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// userNames returns n names of users.
func userNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("user-%02d", i)
	}

	return names
}

// TestClaimValidation checks that the API server rejects invalid claims with messages
// that name the field and what is wrong with it.
func TestClaimValidation(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)

	// These claims have fields that can no longer be changed.
	applyClaim(t, ns, "plain", "{}")
	applyClaim(t, ns, "locked", "{locking: true}")
	applyClaim(t, ns, "chosen", "{storagePool: default}")

	users := func(names ...string) string { return "{users: {'" + strings.Join(names, "': {}, '") + "': {}}}" }

	const (
		userName = "spec.users: Invalid value"
		letters  = "at most 63 lower-case letters, digits and hyphens"
		taken    = "cannot be credentials or end in -credentials"
	)

	cases := map[string]struct {
		reason string
		// claim is the name of one of the claims above, or empty for a new claim.
		claim string
		spec  string
		texts []string
	}{
		"UnknownField": {
			reason: "The message names the unknown field.",
			spec:   "{colour: blue}",
			texts:  []string{`unknown field "spec.colour"`},
		},
		"UnknownFieldOfUser": {
			reason: "A misspelt readonly must not let a user write.",
			spec:   "{users: {alice: {readOnly: true}}}",
			texts:  []string{`unknown field "spec.users.alice.readOnly"`},
		},
		"UnknownFieldOfRule": {
			reason: "The message names the unknown field.",
			spec:   "{lifecycle: [{expireAfterDays: 1, suffix: x}]}",
			texts:  []string{`unknown field "spec.lifecycle[0].suffix"`},
		},
		"ManualRevision": {
			reason: "An old revision would miss the platform's newest rules.",
			spec:   "{crossplane: {compositionUpdatePolicy: Manual, compositionRevisionRef: {name: old}}}",
			texts:  []string{"the platform chooses the composition revision", "leave spec.crossplane.compositionUpdatePolicy out"},
		},
		"SelectedRevision": {
			reason: "An old revision would miss the platform's newest rules.",
			spec:   "{crossplane: {compositionRevisionSelector: {matchLabels: {old: 'true'}}}}",
			texts: []string{
				"the platform chooses the composition revision",
				"leave spec.crossplane.compositionRevisionSelector out",
			},
		},
		"LockingOn": {
			reason: "The server allows object locking at creation only.",
			claim:  "plain",
			spec:   "{locking: true}",
			texts:  []string{"spec.locking", "locking is fixed at creation"},
		},
		"LockingOff": {
			reason: "Object locking cannot be disabled.",
			claim:  "locked",
			spec:   "{locking: false}",
			texts:  []string{"spec.locking", "locking is fixed at creation"},
		},
		"LockingLeftOut": {
			reason: "Leaving locking out would disable it.",
			claim:  "locked",
			spec:   "{}",
			texts:  []string{"spec.locking", "locking is fixed at creation"},
		},
		"PoolSet": {
			reason: "The bucket's data would stay in the old pool.",
			claim:  "plain",
			spec:   "{storagePool: default}",
			texts:  []string{"storagePool is fixed at creation"},
		},
		"PoolChanged": {
			reason: "The bucket's data would stay in the old pool.",
			claim:  "chosen",
			spec:   "{storagePool: gold}",
			texts:  []string{"storagePool is fixed at creation"},
		},
		"PoolLeftOut": {
			reason: "The default pool may be another one.",
			claim:  "chosen",
			spec:   "{}",
			texts:  []string{"storagePool is fixed at creation"},
		},
		"PoolEmpty": {
			reason: "The name of a pool is not empty.",
			spec:   "{storagePool: ''}",
			texts:  []string{"spec.storagePool", "at least 1 chars long"},
		},
		"LockingUnversioned": {
			reason: "Object locking needs versioning.",
			spec:   "{locking: true, versioning: false}",
			texts:  []string{"locking needs versioning", "leave versioning out, or true"},
		},
		"LockingSuspended": {
			reason: "Object locking needs versioning.",
			claim:  "locked",
			spec:   "{locking: true, versioning: false}",
			texts:  []string{"locking needs versioning"},
		},
		"LockingDelete": {
			reason: "Locked objects cannot be deleted.",
			spec:   "{locking: true, deletionPolicy: Delete}",
			texts:  []string{"a bucket with locking is always retained", "deletionPolicy cannot be Delete"},
		},
		"UserUpperCase": {
			reason: "A user's name is part of the names of Secrets.",
			spec:   users("Alice"),
			texts:  []string{userName, letters},
		},
		"UserLeadingHyphen": {
			reason: "A user's name begins with a letter or digit.",
			spec:   users("-alice"),
			texts:  []string{userName, letters},
		},
		"UserTrailingHyphen": {
			reason: "A user's name ends with a letter or digit.",
			spec:   users("alice-"),
			texts:  []string{userName, letters},
		},
		"UserDot": {
			reason: "A user's name has no dots.",
			spec:   users("alice.b"),
			texts:  []string{userName, letters},
		},
		"UserEmpty": {
			reason: "The empty name stands for the claim's own credentials.",
			spec:   users(""),
			texts:  []string{userName, letters},
		},
		"UserTrailingLineBreak": {
			reason: "A line break at the end of a name is not ignored.",
			spec:   "{\"users\": {\"alice\\n\": {}}}",
			texts:  []string{userName, letters},
		},
		"UserTooLong": {
			reason: "A user's name has at most 63 characters.",
			spec:   users(strings.Repeat("a", 64)),
			texts:  []string{userName, letters},
		},
		"UserCredentials": {
			reason: "The claim itself has a Secret of that name.",
			spec:   users("credentials"),
			texts:  []string{userName, taken},
		},
		"UserOtherCredentials": {
			reason: "User x has a Secret of that name.",
			spec:   users("x", "x-credentials"),
			texts:  []string{userName, taken},
		},
		"UsersTooMany": {
			reason: "A claim has at most 20 users.",
			spec:   users(userNames(21)...),
			texts:  []string{"spec.users", "must have at most 20 "},
		},
		"UsersList": {
			reason: "Users are a map, not a list.",
			spec:   "{users: []}",
			texts:  []string{"spec.users", "must be of type object"},
		},
		"QuotaZero": {
			reason: "The server takes 0 for no quota.",
			spec:   "{quota: 0}",
			texts:  []string{"spec.quota", "quota must be more than 0"},
		},
		"QuotaZeroWithUnit": {
			reason: "The server takes 0 for no quota.",
			spec:   "{quota: 0Gi}",
			texts:  []string{"spec.quota", "quota must be more than 0"},
		},
		"QuotaNegative": {
			reason: "A quota is positive.",
			spec:   "{quota: -1}",
			texts:  []string{"spec.quota", "quota must be more than 0"},
		},
		"QuotaFraction": {
			reason: "A quota is whole bytes.",
			spec:   "{quota: '1.5'}",
			texts:  []string{"spec.quota", "quota must be whole bytes"},
		},
		"QuotaFractionNumber": {
			reason: "A quota is whole bytes.",
			spec:   "{quota: 1.5}",
			texts:  []string{"spec.quota", "must be of type"},
		},
		"QuotaMilli": {
			reason: "A quota is whole bytes.",
			spec:   "{quota: 1500m}",
			texts:  []string{"spec.quota", "quota must be whole bytes"},
		},
		"QuotaText": {
			reason: "A quota is a quantity.",
			spec:   "{quota: abc}",
			texts:  []string{"spec.quota", "should match"},
		},
		"QuotaHuge": {
			reason: "The server counts bytes in 64 bits.",
			spec:   "{quota: 16Ei}",
			texts:  []string{"spec.quota", "quota must be less than 8Ei"},
		},
		"RuleEmpty": {
			reason: "A lifecycle rule has at least one action.",
			spec:   "{lifecycle: [{prefix: a/}]}",
			texts: []string{
				"spec.lifecycle[0]",
				"needs one of expireAfterDays, expireNoncurrentAfterDays and abortIncompleteUploadsAfterDays",
			},
		},
		"RuleZeroDays": {
			reason: "The least is one day.",
			spec:   "{lifecycle: [{expireAfterDays: 1}, {expireAfterDays: 0}]}",
			texts:  []string{"spec.lifecycle[1].expireAfterDays", "greater than or equal to 1"},
		},
		"RuleNegativeDays": {
			reason: "The least is one day.",
			spec:   "{lifecycle: [{expireNoncurrentAfterDays: -1}]}",
			texts:  []string{"spec.lifecycle[0].expireNoncurrentAfterDays", "greater than or equal to 1"},
		},
		"RuleTooManyDays": {
			reason: "The most is 36500 days.",
			spec:   "{lifecycle: [{abortIncompleteUploadsAfterDays: 36501}]}",
			texts:  []string{"spec.lifecycle[0].abortIncompleteUploadsAfterDays", "less than or equal to 36500"},
		},
		"RulesTooMany": {
			reason: "A claim has at most 50 lifecycle rules.",
			spec:   "{lifecycle: [" + strings.Repeat("{expireAfterDays: 1}, ", 51) + "]}",
			texts:  []string{"spec.lifecycle", "must have at most 50 items"},
		},
		"RulePrefixTooLong": {
			reason: "The name of an object has at most 1024 characters.",
			spec:   "{lifecycle: [{expireAfterDays: 1, prefix: " + strings.Repeat("a", 1025) + "}]}",
			texts:  []string{"spec.lifecycle[0].prefix", "1024"},
		},
		"RulePrefixControl": {
			reason: "The server cannot store control characters in a prefix.",
			spec:   `{"lifecycle": [{"expireAfterDays": 1, "prefix": "a\u0001"}]}`,
			texts:  []string{"spec.lifecycle[0].prefix", "cannot hold control characters"},
		},
		"PolicyMisspelt": {
			reason: "The message names the known values.",
			spec:   "{deletionPolicy: Keep}",
			texts:  []string{"spec.deletionPolicy", `"Retain", "DeleteIfEmpty", "Delete"`},
		},
		"IntervalTooShort": {
			reason: "The shortest interval is a minute.",
			spec:   "{rotation: {interval: 30s, overlap: 1s}}",
			texts:  []string{"spec.rotation.interval", "interval must be at least 1m"},
		},
		"IntervalNegative": {
			reason: "An interval is positive.",
			spec:   "{rotation: {interval: -24h}}",
			texts:  []string{"spec.rotation.interval", "interval must be at least 1m"},
		},
		"IntervalText": {
			reason: "A duration has a known unit.",
			spec:   "{rotation: {interval: 30d}}",
			texts:  []string{"spec.rotation"},
		},
		"OverlapTooLong": {
			reason: "Old keys would accumulate.",
			spec:   "{rotation: {interval: 1h, overlap: 2h}}",
			texts:  []string{"spec.rotation", "cannot be longer than interval"},
		},
		"OverlapByDefault": {
			reason: "The message names the default overlap.",
			spec:   "{rotation: {interval: 1h}}",
			texts:  []string{"spec.rotation", "overlap, 24h unless it is set, cannot be longer than interval"},
		},
		"OverlapNegative": {
			reason: "An overlap is not negative.",
			spec:   "{rotation: {overlap: -1s}}",
			texts:  []string{"spec.rotation.overlap", "overlap cannot be negative"},
		},
		"OverlapOverMonth": {
			reason: "An overlap has the maximum that a User's has.",
			spec:   "{rotation: {overlap: 721h}}",
			texts:  []string{"spec.rotation.overlap", "overlap cannot be longer than 720h"},
		},
		"TriggerTooLong": {
			reason: "A trigger has at most 256 characters.",
			spec:   "{rotation: {trigger: " + strings.Repeat("a", 257) + "}}",
			texts:  []string{"spec.rotation.trigger", "256"},
		},
		"SpecText": {
			reason: "The spec is an object.",
			spec:   "everything",
			texts:  []string{"spec", "must be of type object"},
		},
		"NameTooLong": {
			reason: "The claim's name is the value of a label, which has at most 63 characters.",
			claim:  strings.Repeat("a", 64),
			spec:   "{}",
			texts:  []string{"metadata.name", "63"},
		},
		"NameFarTooLong": {
			reason: "A name of any length is rejected with a message.",
			claim:  strings.Repeat("a", 10000),
			spec:   "{}",
			texts:  []string{"metadata.name"},
		},
		"NameUpperCase": {
			reason: "Kubernetes' names are in lower case.",
			claim:  "Mine",
			spec:   "{}",
			texts:  []string{"metadata.name", "lowercase RFC 1123"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			claim := tc.claim
			if claim == "" {
				claim = "invalid"
			}

			t.Log(tc.reason)
			wantKubectlError(t,
				fmt.Sprintf(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Bucket", "metadata": {"name": %q}, "spec": %s}`, claim, tc.spec),
				[]string{"apply", "--dry-run=server", "--namespace", ns, "-f", "-"}, tc.texts...)
		})
	}
}
