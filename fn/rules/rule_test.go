package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEvaluateHolds evaluates a rule for each variable and each library that rules can use. All of them
// hold.
func TestEvaluateHolds(t *testing.T) {
	cases := map[string]struct {
		reason     string
		expression string
	}{
		"Metadata": {
			"Metadata of a claim, with reserved words of CEL as fields.",
			`claim.metadata.name == 'photos' && claim.metadata.namespace == 'team-a'`,
		},
		"Escaped": {
			"Kubernetes' escapes of reserved words.",
			`claim.metadata.__namespace__ == 'team-a'`,
		},
		"Labels": {
			"Labels are a map.",
			`claim.metadata.labels['cost/centre'] == '17' && !('tier' in claim.metadata.labels)`,
		},
		"Annotations": {
			"Annotations are a map.",
			`'contact' in claim.metadata.annotations`,
		},
		"NoAnnotations": {
			"A namespace without annotations has an empty map of them.",
			`size(namespaceObject.metadata.annotations) == 0`,
		},
		"Quota": {
			"A quota that is written as a number is a string.",
			`claim.spec.quota == '5368709120'`,
		},
		"Quantity": {
			"It can be compared as a quantity.",
			`quantity(claim.spec.quota).compareTo(quantity('5Gi')) == 0`,
		},
		"Bool": {
			"A boolean field.",
			`!claim.spec.locking`,
		},
		"Absent": {
			"Fields that are not set.",
			`!has(claim.spec.publicRead) && claim.spec.?storagePool.orValue('none') == 'none'`,
		},
		"Users": {
			"Users are a map.",
			`claim.spec.users.exists(u, claim.spec.users[u].readonly)`,
		},
		"UsersInOrder": {
			"Users are sorted by name.",
			`claim.spec.users.map(u, u) == ['app', 'reader']`,
		},
		"Integer": {
			"An integer of the claim, which is a float64 in JSON.",
			`claim.spec.lifecycle.all(r, r.expireAfterDays == 7 && type(r.expireAfterDays) == int)`,
		},
		"Duration": {
			"Durations are strings.",
			`duration(claim.spec.rotation.interval) > duration('1h')`,
		},
		"Namespace": {
			"Metadata of the namespace.",
			`namespaceObject.metadata.name == 'team-a' && namespaceObject.metadata.labels.tier == 'prod'`,
		},
		"Pool": {
			"The pool, with quantities as strings.",
			`pool.name == 'gold' && pool.limits.quota == '107374182400' && pool.retention.days == 30 && 'quota' in pool.fields`,
		},
		"PoolDefaults": {
			"Defaults of the pool, with the defaults of the definition.",
			`pool.defaults.rotation.overlap == '24h'`,
		},
		"SetsUnite": {
			"Sets are united without duplicates.",
			`size(pool.fields + ['quota', 'tags']) == 3`,
		},
		"Old": {
			"The claim's previous status.",
			`old.bucketName == 'bucket-1' && !has(old.endpoint)`,
		},
		"OldTime": {
			"Times of the status are timestamps.",
			`old.credentials[0].rotatedAt < timestamp('2027-01-01T00:00:00Z')`,
		},
		"Same": {
			"A value equals itself, even with fields that the schema does not define.",
			`claim.spec == claim.spec && old == old && claim.spec.users == claim.spec.users`,
		},
		"Different": {
			"Different values are not equal.",
			`claim.spec.users != {'app': claim.spec.users['app']} && claim.metadata.labels != namespaceObject.metadata.labels`,
		},
		"LibraryRegex": {
			"Kubernetes' library of regular expressions.",
			`claim.metadata.name.find('[a-m]+') == 'h' && claim.metadata.name.matches('^[a-z]+$')`,
		},
		"LibraryLists": {
			"Kubernetes' library of lists.",
			`['a', 'b'].isSorted() && [1, 2].sum() == 3`,
		},
		"LibraryLists2": {
			"CEL's own library of lists.",
			`[2, 1].sort() == [1, 2] && lists.range(2) == [0, 1]`,
		},
		"LibraryURL": {
			"Kubernetes' library of URLs.",
			`url(claim.metadata.annotations['contact']).getHostname() == 'example.org'`,
		},
		"LibraryIP": {
			"Kubernetes' libraries of addresses.",
			`ip('10.0.0.1').family() == 4 && cidr('10.0.0.0/8').containsIP('10.0.0.1')`,
		},
		"LibraryFormat": {
			"Kubernetes' library of formats.",
			`!format.named('dns1123Label').value().validate(claim.metadata.name).hasValue()`,
		},
		"LibrarySemver": {
			"Kubernetes' library of versions.",
			`semver('1.2.3').isLessThan(semver('1.10.0'))`,
		},
		"LibrarySets": {
			"CEL's library of sets.",
			`sets.contains(['a', 'b'], ['a'])`,
		},
		"LibraryStrings": {
			"CEL's library of strings.",
			`'%s-%d'.format(['a', 1]) == 'a-1'`,
		},
		"LibraryTwoVars": {
			"Macros over keys and values, sorted by key.",
			`claim.spec.users.transformList(name, user, user.readonly, name) == ['reader']`,
		},
		"CrossTypeNumbers": {
			"Numbers of different types compare.",
			`1 < 1.5`,
		},
	}

	expressions := map[string]string{}
	for name, tc := range cases {
		expressions[name] = tc.expression
	}

	p := mustRead(t, strings.Replace(withRules(expressions), "rules:\n", `    retention: {mode: Compliance, days: 30}
    fields: [quota, users]
    limits: {quota: 107374182400}
    defaults: {rotation: {interval: 720h}}
rules:
`, 1))
	f := exampleFacts(t, p)

	broken, err := p.Evaluate(t.Context(), f)
	if err != nil {
		t.Fatalf("p.Evaluate(...): %v", err)
	}

	for _, b := range broken {
		t.Errorf("\n%s\np.Evaluate(...): %s does not hold", cases[b.Rule].reason, cases[b.Rule].expression)
	}

	if diff := cmp.Diff(exampleFacts(t, p), f, cmp.Comparer(func(a, b *Pool) bool { return a == b })); diff != "" {
		t.Errorf("p.Evaluate(...) changed the facts: -before, +after:\n%s", diff)
	}
}
