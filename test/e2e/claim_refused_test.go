//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// manyUsers returns names of users.
func manyUsers(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("user-%02d", i)
	}

	return names
}

// TestInvalidClaims hands in what must be refused, with a message that names
// what is wrong.
func TestInvalidClaims(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)

	// Those of whose fields some can no longer be changed.
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
		// claim is new unless it is one of those above.
		claim string
		spec  string
		texts []string
	}{
		"UnknownField":         {reason: "A field that does not exist is named.", spec: "{colour: blue}", texts: []string{`unknown field "spec.colour"`}},
		"UnknownFieldOfUser":   {reason: "A misspelt readonly would let a user write.", spec: "{users: {alice: {readOnly: true}}}", texts: []string{`unknown field "spec.users.alice.readOnly"`}},
		"UnknownFieldOfRule":   {reason: "A field that does not exist is named.", spec: "{lifecycle: [{expireAfterDays: 1, suffix: x}]}", texts: []string{`unknown field "spec.lifecycle[0].suffix"`}},
		"ManualRevision":       {reason: "An old revision would be without the platform's newest policy.", spec: "{crossplane: {compositionUpdatePolicy: Manual, compositionRevisionRef: {name: old}}}", texts: []string{"the platform chooses the composition revision", "leave spec.crossplane.compositionUpdatePolicy out"}},
		"SelectedRevision":     {reason: "An old revision would be without the platform's newest policy.", spec: "{crossplane: {compositionRevisionSelector: {matchLabels: {old: 'true'}}}}", texts: []string{"the platform chooses the composition revision", "leave spec.crossplane.compositionRevisionSelector out"}},
		"LockingOn":            {reason: "The server locks buckets from the beginning or never.", claim: "plain", spec: "{locking: true}", texts: []string{"spec.locking", "locking is fixed at creation"}},
		"LockingOff":           {reason: "What is locked stays locked.", claim: "locked", spec: "{locking: false}", texts: []string{"spec.locking", "locking is fixed at creation"}},
		"LockingLeftOut":       {reason: "What is locked stays locked.", claim: "locked", spec: "{}", texts: []string{"spec.locking", "locking is fixed at creation"}},
		"PoolSet":              {reason: "The data would not move along.", claim: "plain", spec: "{storagePool: default}", texts: []string{"storagePool is fixed at creation"}},
		"PoolChanged":          {reason: "The data would not move along.", claim: "chosen", spec: "{storagePool: gold}", texts: []string{"storagePool is fixed at creation"}},
		"PoolLeftOut":          {reason: "The default may be another one.", claim: "chosen", spec: "{}", texts: []string{"storagePool is fixed at creation"}},
		"PoolEmpty":            {reason: "Nothing has no name.", spec: "{storagePool: ''}", texts: []string{"spec.storagePool", "at least 1 chars long"}},
		"LockingUnversioned":   {reason: "The server versions what it locks.", spec: "{locking: true, versioning: false}", texts: []string{"locking needs versioning", "leave versioning out, or true"}},
		"LockingSuspended":     {reason: "The server versions what it locks.", claim: "locked", spec: "{locking: true, versioning: false}", texts: []string{"locking needs versioning"}},
		"LockingDelete":        {reason: "It could not be done.", spec: "{locking: true, deletionPolicy: Delete}", texts: []string{"a bucket with locking is always retained", "deletionPolicy cannot be Delete"}},
		"UserUpperCase":        {reason: "Secrets are called after users.", spec: users("Alice"), texts: []string{userName, letters}},
		"UserLeadingHyphen":    {reason: "Secrets are called after users.", spec: users("-alice"), texts: []string{userName, letters}},
		"UserTrailingHyphen":   {reason: "Secrets are called after users.", spec: users("alice-"), texts: []string{userName, letters}},
		"UserDot":              {reason: "Secrets are called after users.", spec: users("alice.b"), texts: []string{userName, letters}},
		"UserEmpty":            {reason: "That is the claim itself.", spec: users(""), texts: []string{userName, letters}},
		"UserTrailingLine":     {reason: "A line break is not the end of a name.", spec: "{\"users\": {\"alice\\n\": {}}}", texts: []string{userName, letters}},
		"UserTooLong":          {reason: "Secrets are called after users.", spec: users(strings.Repeat("a", 64)), texts: []string{userName, letters}},
		"UserCredentials":      {reason: "The claim has a Secret of that name.", spec: users("credentials"), texts: []string{userName, taken}},
		"UserOtherCredentials": {reason: "User x has a Secret of that name.", spec: users("x", "x-credentials"), texts: []string{userName, taken}},
		"UsersTooMany":         {reason: "Each costs keys and Secrets.", spec: users(manyUsers(21)...), texts: []string{"spec.users", "must have at most 20 "}},
		"UserNull":             {reason: "It says nothing.", spec: "{users: []}", texts: []string{"spec.users", "must be of type object"}},
		"QuotaZero":            {reason: "For the server 0 is no quota at all.", spec: "{quota: 0}", texts: []string{"spec.quota", "quota must be more than 0"}},
		"QuotaZeroUnit":        {reason: "For the server 0 is no quota at all.", spec: "{quota: 0Gi}", texts: []string{"spec.quota", "quota must be more than 0"}},
		"QuotaNegative":        {reason: "There is no such bucket.", spec: "{quota: -1}", texts: []string{"spec.quota", "quota must be more than 0"}},
		"QuotaFraction":        {reason: "Bytes are whole.", spec: "{quota: '1.5'}", texts: []string{"spec.quota", "quota must be whole bytes"}},
		"QuotaFractionNumber":  {reason: "Bytes are whole.", spec: "{quota: 1.5}", texts: []string{"spec.quota", "must be of type"}},
		"QuotaMilli":           {reason: "Bytes are whole.", spec: "{quota: 1500m}", texts: []string{"spec.quota", "quota must be whole bytes"}},
		"QuotaText":            {reason: "That is no quantity.", spec: "{quota: abc}", texts: []string{"spec.quota", "should match"}},
		"QuotaHuge":            {reason: "The server counts with 64 bits.", spec: "{quota: 16Ei}", texts: []string{"spec.quota", "quota must be less than 8Ei"}},
		"RuleEmpty":            {reason: "A rule that does nothing is a mistake.", spec: "{lifecycle: [{prefix: a/}]}", texts: []string{"spec.lifecycle[0]", "needs one of expireAfterDays, expireNoncurrentAfterDays and abortIncompleteUploadsAfterDays"}},
		"RuleZeroDays":         {reason: "A day is the least.", spec: "{lifecycle: [{expireAfterDays: 1}, {expireAfterDays: 0}]}", texts: []string{"spec.lifecycle[1].expireAfterDays", "greater than or equal to 1"}},
		"RuleNegativeDays":     {reason: "A day is the least.", spec: "{lifecycle: [{expireNoncurrentAfterDays: -1}]}", texts: []string{"spec.lifecycle[0].expireNoncurrentAfterDays", "greater than or equal to 1"}},
		"RuleTooManyDays":      {reason: "A hundred years are as good as never.", spec: "{lifecycle: [{abortIncompleteUploadsAfterDays: 36501}]}", texts: []string{"spec.lifecycle[0].abortIncompleteUploadsAfterDays", "less than or equal to 36500"}},
		"RulesTooMany":         {reason: "There is a limit.", spec: "{lifecycle: [" + strings.Repeat("{expireAfterDays: 1}, ", 51) + "]}", texts: []string{"spec.lifecycle", "must have at most 50 items"}},
		"RulePrefixTooLong":    {reason: "No object has such a name.", spec: "{lifecycle: [{expireAfterDays: 1, prefix: " + strings.Repeat("a", 1025) + "}]}", texts: []string{"spec.lifecycle[0].prefix", "1024"}},
		"RulePrefixControl":    {reason: "The server could not keep it.", spec: `{"lifecycle": [{"expireAfterDays": 1, "prefix": "a\u0001"}]}`, texts: []string{"spec.lifecycle[0].prefix", "cannot hold control characters"}},
		"PolicyMisspelt":       {reason: "Those that there are are named.", spec: "{deletionPolicy: Keep}", texts: []string{"spec.deletionPolicy", `"Retain", "DeleteIfEmpty", "Delete"`}},
		"IntervalTooShort":     {reason: "Keys need their time.", spec: "{rotation: {interval: 30s, overlap: 1s}}", texts: []string{"spec.rotation.interval", "interval must be at least 1m"}},
		"IntervalNegative":     {reason: "Time goes forward.", spec: "{rotation: {interval: -24h}}", texts: []string{"spec.rotation.interval", "interval must be at least 1m"}},
		"IntervalText":         {reason: "A duration has a unit that is known.", spec: "{rotation: {interval: 30d}}", texts: []string{"spec.rotation"}},
		"OverlapTooLong":       {reason: "Keys would pile up.", spec: "{rotation: {interval: 1h, overlap: 2h}}", texts: []string{"spec.rotation", "cannot be longer than interval"}},
		"OverlapByDefault":     {reason: "The default is told.", spec: "{rotation: {interval: 1h}}", texts: []string{"spec.rotation", "overlap, 24h unless it is set, cannot be longer than interval"}},
		"OverlapNegative":      {reason: "Time goes forward.", spec: "{rotation: {overlap: -1s}}", texts: []string{"spec.rotation.overlap", "overlap cannot be negative"}},
		"TriggerTooLong":       {reason: "It is a mark, no document.", spec: "{rotation: {trigger: " + strings.Repeat("a", 257) + "}}", texts: []string{"spec.rotation.trigger", "256"}},
		"SpecText":             {reason: "It is an object.", spec: "everything", texts: []string{"spec", "must be of type object"}},
		"NameTooLong":          {reason: "Labels name the claim of a resource.", claim: strings.Repeat("a", 64), spec: "{}", texts: []string{"metadata.name", "63"}},
		"NameMuchTooLong":      {reason: "There is a limit, whatever the length.", claim: strings.Repeat("a", 10000), spec: "{}", texts: []string{"metadata.name"}},
		"NameUpperCase":        {reason: "Kubernetes says so.", claim: "Mine", spec: "{}", texts: []string{"metadata.name", "lowercase RFC 1123"}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			claim := tc.claim
			if claim == "" {
				claim = "invalid"
			}

			t.Log(tc.reason)
			wantRefused(t, fmt.Sprintf(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Bucket", "metadata": {"name": %q}, "spec": %s}`, claim, tc.spec),
				[]string{"apply", "--dry-run=server", "--namespace", ns, "-f", "-"}, tc.texts...)
		})
	}
}

// TestLimitsOfClaims hands in what is just allowed: the claim gets ready.
func TestLimitsOfClaims(t *testing.T) {
	t.Parallel()

	long := strings.Repeat("a", 63)

	cases := map[string]struct {
		reason, claim, user, spec string
	}{
		"Names":     {reason: "The longest names.", claim: long, user: long, spec: "{users: {" + long + ": {}}}"},
		"ShortName": {reason: "The shortest names.", claim: "a", user: "b", spec: "{users: {b: {}}}"},
		"DottedName": {reason: "A claim may have dots in its name, as other resources.", claim: "a.b-c.d", user: "0",
			spec: "{users: {'0': {}}}"},
		"Rules": {reason: "The longest list.", claim: "rules", spec: "{lifecycle: [" + strings.Repeat("{expireAfterDays: 36500, prefix: a/}, ", 49) +
			"{expireAfterDays: 1, prefix: " + strings.Repeat("a", 1024) + "}]}"},
		"Quota":    {reason: "The smallest.", claim: "quota", spec: "{quota: 1}"},
		"Fraction": {reason: "A fraction of a unit is rounded up.", claim: "fraction", spec: "{quota: 0.1Gi}"},
		"Rotation": {reason: "The shortest.", claim: "rotation", spec: "{rotation: {interval: 1m, overlap: 1m, trigger: " + strings.Repeat("a", 256) + "}}"},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Log(tc.reason)

			ns := newNamespace(t)
			applyClaim(t, ns, tc.claim, tc.spec)
			waitReady(t, ns, tc.claim)
			wantCredentials(t, ns, tc.claim, "", tc.user)
		})
	}
}

// TestUnknownPool claims from a pool that there is not: the claim says which
// there are, and nothing is made.
func TestUnknownPool(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	applyClaim(t, ns, "unknown", "{storagePool: gold}")
	waitProvisioned(t, ns, "unknown", tenantv1alpha1.ReasonInvalidClaim, `storage pool "gold" does not exist; the pools are default`)
	wantNothingMade(t, ns, "unknown")

	// The tenant must be able to take it back.
	mustKubectl(t, "", "delete", "--namespace", ns, "buckets.apps.cozystack.io/unknown")
}
