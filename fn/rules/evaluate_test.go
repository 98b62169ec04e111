package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"
)

// judged is what the cases below are judged by: each rule of it holds.
const (
	judgedClaim = `
apiVersion: apps.cozystack.io/v1alpha1
kind: Bucket
metadata:
  name: photos
  namespace: team-a
  labels: {team: photo, "cost/centre": "17"}
  annotations: {contact: "https://example.org:8443/team"}
spec:
  quota: 5368709120
  locking: false
  users: {app: {readonly: false}, reader: {readonly: true}}
  lifecycle: [{prefix: tmp/, expireAfterDays: 7}]
  rotation: {interval: 720h, overlap: 24h}
  crossplane: {compositionRef: {name: buckets}}
`
	judgedNamespace = `
metadata: {name: team-a, labels: {tier: prod}}
status: {phase: Active}
`
	judgedStatus = `
bucketName: bucket-1
credentials: [{access: ReadWrite, rotatedAt: "2026-11-23T00:00:00Z"}]
conditions: [{type: Ready}]
`
)

func judgedFacts(tb testing.TB, p *Policy) Facts {
	tb.Helper()

	return Facts{
		Claim:     parseObject(tb, judgedClaim),
		Namespace: parseObject(tb, judgedNamespace),
		Pool:      mustPool(tb, p, ""),
		Old:       parseObject(tb, judgedStatus),
	}
}

// TestEvaluateHolds has a rule for everything that rules can name and for every
// library, all of which hold.
func TestEvaluateHolds(t *testing.T) {
	cases := map[string]struct {
		reason     string
		expression string
	}{
		"Metadata":         {"A claim's metadata can be named; CEL's own words too, as fields.", `claim.metadata.name == 'photos' && claim.metadata.namespace == 'team-a'`},
		"Escaped":          {"The way in which Kubernetes escapes such words is known too.", `claim.metadata.__namespace__ == 'team-a'`},
		"Labels":           {"Labels are a map.", `claim.metadata.labels['cost/centre'] == '17' && !('tier' in claim.metadata.labels)`},
		"Annotations":      {"So are annotations.", `'contact' in claim.metadata.annotations`},
		"NoAnnotations":    {"A namespace without annotations has an empty map of them.", `size(namespaceObject.metadata.annotations) == 0`},
		"Quota":            {"A quota that is a number is text to rules.", `claim.spec.quota == '5368709120'`},
		"Quantity":         {"So it can be compared.", `quantity(claim.spec.quota).compareTo(quantity('5Gi')) == 0`},
		"Bool":             {"A boolean.", `!claim.spec.locking`},
		"Absent":           {"A field that is not there can be asked for.", `!has(claim.spec.publicRead) && claim.spec.?storagePool.orValue('none') == 'none'`},
		"Users":            {"Users are a map.", `claim.spec.users.exists(u, claim.spec.users[u].readonly)`},
		"UsersInOrder":     {"Their order is not that of Go's maps.", `claim.spec.users.map(u, u) == ['app', 'reader']`},
		"Integer":          {"A number of the claim, which JSON calls a float, is an integer.", `claim.spec.lifecycle.all(r, r.expireAfterDays == 7 && type(r.expireAfterDays) == int)`},
		"Duration":         {"Durations are text on claims.", `duration(claim.spec.rotation.interval) > duration('1h')`},
		"Namespace":        {"The namespace's metadata can be named.", `namespaceObject.metadata.name == 'team-a' && namespaceObject.metadata.labels.tier == 'prod'`},
		"Pool":             {"The pool can be named, with its quantities as text.", `pool.name == 'gold' && pool.limits.quota == '107374182400' && pool.retention.days == 30 && 'quota' in pool.fields`},
		"PoolDefaults":     {"The pool has its defaults.", `pool.defaults.rotation.overlap == '24h'`},
		"SetsUnite":        {"A list that is a set is one to CEL.", `size(pool.fields + ['quota', 'tags']) == 3`},
		"Old":              {"The status of before can be named.", `old.bucketName == 'bucket-1' && !has(old.endpoint)`},
		"OldTime":          {"Times of the status are times.", `old.credentials[0].rotatedAt < timestamp('2027-01-01T00:00:00Z')`},
		"Same":             {"A value is equal to itself, whatever the schema does not know.", `claim.spec == claim.spec && old == old && claim.spec.users == claim.spec.users`},
		"Different":        {"And to nothing else.", `claim.spec.users != {'app': claim.spec.users['app']} && claim.metadata.labels != namespaceObject.metadata.labels`},
		"LibraryRegex":     {"Kubernetes' library of regular expressions.", `claim.metadata.name.find('[a-m]+') == 'h' && claim.metadata.name.matches('^[a-z]+$')`},
		"LibraryLists":     {"Kubernetes' library of lists.", `['a', 'b'].isSorted() && [1, 2].sum() == 3`},
		"LibraryLists2":    {"CEL's own library of lists.", `[2, 1].sort() == [1, 2] && lists.range(2) == [0, 1]`},
		"LibraryURL":       {"Kubernetes' library of URLs.", `url(claim.metadata.annotations['contact']).getHostname() == 'example.org'`},
		"LibraryIP":        {"Kubernetes' libraries of addresses.", `ip('10.0.0.1').family() == 4 && cidr('10.0.0.0/8').containsIP('10.0.0.1')`},
		"LibraryFormat":    {"Kubernetes' library of formats.", `!format.named('dns1123Label').value().validate(claim.metadata.name).hasValue()`},
		"LibrarySemver":    {"Kubernetes' library of versions.", `semver('1.2.3').isLessThan(semver('1.10.0'))`},
		"LibrarySets":      {"CEL's library of sets.", `sets.contains(['a', 'b'], ['a'])`},
		"LibraryStrings":   {"CEL's library of strings.", `'%s-%d'.format(['a', 1]) == 'a-1'`},
		"LibraryTwoVars":   {"Macros over keys and values, in order.", `claim.spec.users.transformList(name, user, user.readonly, name) == ['reader']`},
		"CrossTypeNumbers": {"Numbers of different types compare.", `1 < 1.5`},
	}

	expressions := map[string]string{}
	for name, tc := range cases {
		expressions[name] = tc.expression
	}

	p := mustRead(t, strings.Replace(rules(expressions), "rules:\n", `    retention: {mode: Compliance, days: 30}
    fields: [quota, users]
    limits: {quota: 107374182400}
    defaults: {rotation: {interval: 720h}}
rules:
`, 1))
	f := judgedFacts(t, p)

	broken, err := p.Evaluate(t.Context(), f)
	if err != nil {
		t.Fatalf("p.Evaluate(...): %v", err)
	}

	for _, b := range broken {
		t.Errorf("\n%s\np.Evaluate(...): %s does not hold", cases[b.Rule].reason, cases[b.Rule].expression)
	}

	if diff := cmp.Diff(judgedFacts(t, p), f, cmp.Comparer(func(a, b *Pool) bool { return a == b })); diff != "" {
		t.Errorf("p.Evaluate(...) changed the facts: -before, +after:\n%s", diff)
	}
}

func TestEvaluate(t *testing.T) {
	type want struct {
		broken []Broken
		err    string
	}

	cases := map[string]struct {
		reason string
		rules  string
		change func(f *Facts)
		want   want
	}{
		"NoRules": {
			reason: "Without rules every claim is fine.",
			rules:  `[]`,
		},
		"InOrder": {
			reason: "All rules should be judged, in the order of the input.",
			rules: `
- {name: z, expression: "claim.metadata.name == 'videos'", message: only videos}
- {name: b, expression: "true", message: never}
- {name: a, expression: "size(claim.spec.users) < 2", message: too many users}
`,
			want: want{broken: []Broken{{"z", "only videos"}, {"a", "too many users"}}},
		},
		"MessageExpression": {
			reason: "A message can be made from what the rule is about, the same each time.",
			rules:  `[{name: a, expression: "false", message: b, messageExpression: "claim.metadata.name + ' has ' + claim.spec.users.map(u, u).join(' and ')"}]`,
			want:   want{broken: []Broken{{"a", "photos has app and reader"}}},
		},
		"MessageFails": {
			reason: "A message that cannot be made should give way to the plain one.",
			rules:  `[{name: a, expression: "false", message: b, messageExpression: "claim.spec.storagePool"}]`,
			want:   want{broken: []Broken{{"a", "b"}}},
		},
		"MessageEmpty": {
			reason: "A message that says nothing should give way to the plain one.",
			rules:  `[{name: a, expression: "false", message: b, messageExpression: "' '"}]`,
			want:   want{broken: []Broken{{"a", "b"}}},
		},
		"MessageOfLines": {
			reason: "A message of several lines should give way to the plain one.",
			rules:  `[{name: a, expression: "false", message: b, messageExpression: "'a\\nb'"}]`,
			want:   want{broken: []Broken{{"a", "b"}}},
		},
		"MessageTooLong": {
			reason: "A message that is too long should give way to the plain one.",
			rules:  `[{name: a, expression: "false", message: b, messageExpression: "lists.range(1000).map(i, 'abcdef').join('')"}]`,
			want:   want{broken: []Broken{{"a", "b"}}},
		},
		"NoMessage": {
			reason: "If there is no other message, the tenant should learn the rule's name.",
			rules:  `[{name: a, expression: "false", messageExpression: "claim.spec.storagePool"}]`,
			want:   want{broken: []Broken{{"a", "the claim breaks the rule a of the platform"}}},
		},
		"NoSuchKey": {
			reason: "A rule that fails should be named, and what it failed for; broken rules do not count then.",
			rules: `
- {name: a, expression: "false", message: b}
- {name: storage, expression: "claim.spec.storagePool == 'gold'", message: b}
`,
			want: want{err: `cannot evaluate rule "storage": no such key: storagePool`},
		},
		"NoNamespace": {
			reason: "A rule about a namespace that is not known cannot be judged.",
			rules:  `[{name: tier, expression: "'tier' in namespaceObject.metadata.labels", message: b}]`,
			change: func(f *Facts) { f.Namespace = nil },
			want:   want{err: `cannot evaluate rule "tier": the claim's namespace is not known`},
		},
		"NamespaceNotAsked": {
			reason: "Rules that do not come to ask for the namespace can be judged without.",
			rules:  `[{name: tier, expression: "claim.metadata.name == 'photos' || 'tier' in namespaceObject.metadata.labels", message: b}]`,
			change: func(f *Facts) { f.Namespace = nil },
		},
		"NoPool": {
			reason: "A rule about a pool that is not known cannot be judged.",
			rules:  `[{name: gold, expression: "pool.name == 'gold'", message: b}]`,
			change: func(f *Facts) { f.Pool = nil },
			want:   want{err: `cannot evaluate rule "gold": the claim's pool is not known`},
		},
		"NewClaim": {
			reason: "A new claim has an empty status, and may have an empty spec.",
			rules:  `[{name: new, expression: "!has(old.bucketName) && !has(claim.spec.quota) && size(claim.metadata.labels) == 0", message: b}]`,
			change: func(f *Facts) {
				f.Claim, f.Old = map[string]any{"metadata": map[string]any{"name": "a"}}, nil
			},
		},
		"CostLimit": {
			reason: "A rule that would take too long cannot be judged.",
			rules:  `[{name: loops, expression: "lists.range(1000).all(a, lists.range(1000).all(b, a + b >= 0))", message: b}]`,
			want:   want{err: `cannot evaluate rule "loops": operation cancelled: actual cost limit exceeded`},
		},
		"WrongData": {
			reason: "Data that is not what the schema says cannot be judged.",
			rules:  `[{name: users, expression: "size(claim.spec.users) == 0", message: b}]`,
			change: func(f *Facts) { f.Claim["spec"] = map[string]any{"users": "all"} },
			want:   want{err: `cannot evaluate rule "users": invalid data, expected a map for the provided schema with type=object`},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := mustRead(t, smallest+"rules: "+tc.rules)

			f := judgedFacts(t, p)
			if tc.change != nil {
				tc.change(&f)
			}

			// What comes from Go's maps would change sooner or later.
			for range 5 {
				broken, err := p.Evaluate(t.Context(), f)

				if diff := cmp.Diff(tc.want, want{broken, message(err)}, cmp.AllowUnexported(want{})); diff != "" {
					t.Fatalf("\n%s\np.Evaluate(...): -want, +got:\n%s", tc.reason, diff)
				}
			}
		})
	}
}

// TestEvaluateEnds judges when nobody waits for it any more.
func TestEvaluateEnds(t *testing.T) {
	cases := map[string]struct {
		reason     string
		expression string
		want       string
	}{
		"Long": {
			reason:     "An expression that would go on should be interrupted.",
			expression: "lists.range(1000).all(i, i >= 0)",
			want:       `cannot evaluate rule "a": operation interrupted`,
		},
		"Short": {
			reason:     "A rule that is broken should not count, as its message may be another one.",
			expression: "false",
			want:       "cannot evaluate the rules: context canceled",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := mustRead(t, rules(map[string]string{"a": tc.expression}))

			ctx, cancel := context.WithCancel(t.Context())
			cancel()

			broken, err := p.Evaluate(ctx, judgedFacts(t, p))
			if diff := cmp.Diff(tc.want, message(err)); diff != "" || broken != nil {
				t.Errorf("\n%s\np.Evaluate(...): %v, -want error, +got error:\n%s", tc.reason, broken, diff)
			}
		})
	}
}

// TestEvaluateTogether judges different claims by one policy at the same time; the
// race detector looks on.
func TestEvaluateTogether(t *testing.T) {
	p := mustRead(t, smallest+`    fields: [quota, users, lifecycle]
rules:
  - {name: a, expression: "size(pool.fields + [claim.metadata.name]) == 4", message: a}
  - {name: b, expression: "false", messageExpression: "claim.metadata.name + (pool.fields + [claim.metadata.name]).join(',')"}
`)

	var wg sync.WaitGroup

	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				name := fmt.Sprintf("claim-%d", i)
				f := Facts{Claim: map[string]any{"metadata": map[string]any{"name": name}}, Pool: p.pools[0]}
				want := []Broken{{"b", name + "quota,users,lifecycle," + name}}

				broken, err := p.Evaluate(t.Context(), f)
				if diff := cmp.Diff(want, broken); diff != "" || err != nil {
					t.Errorf("p.Evaluate(...): %v: -want, +got:\n%s", err, diff)
				}
			}
		})
	}

	wg.Wait()
}

// FuzzEvaluate takes any text for a rule and anything for a claim: it compiles or
// is an error, and judging it comes to an end, the same each time.
func FuzzEvaluate(f *testing.F) {
	claim, _ := json.Marshal(parseObject(f, judgedClaim)) //nolint:errchkjson // Parsed from JSON.

	for _, e := range []string{
		`claim.spec.users.all(u, claim.spec.users[u].readonly)`,
		`quantity(claim.spec.quota).isGreaterThan(quantity('1Gi'))`,
		`claim.spec.lifecycle.exists(r, r.expireAfterDays > 3)`,
		`dyn(claim).exists(k, dyn(claim)[k] == dyn(old)) || dyn(claim.spec) == dyn(pool)`,
		`lists.range(1000).map(a, lists.range(1000)).size() > 0`,
		`[[['a'].map(x, x + x)[0]].map(x, x + x)[0]] != []`,
		`claim.metadata.labels.transformMap(k, v, v + k).size() == 0`,
		`namespaceObject.metadata.name.matches(claim.metadata.name)`,
		`pool.fields + pool.fields == []`,
		`(`,
	} {
		f.Add(e, e, claim)
	}

	f.Add(`true`, `'a'`, []byte(`{"metadata":5,"spec":{"quota":{},"lifecycle":[null,5,{"expireAfterDays":1e300}],"users":{"a":null}}}`))
	f.Add(`size(claim.spec.users) > 0`, `string(claim.spec.users)`, []byte(`{"spec":[]}`))

	f.Fuzz(func(t *testing.T, expression, text string, claim []byte) {
		c := &structpb.Struct{}
		if err := c.UnmarshalJSON(claim); err != nil {
			t.Skip("not a JSON object")
		}

		s := parseInput(t, smallest)
		s.Fields["rules"] = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{
			structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
				"name":              structpb.NewStringValue("a"),
				"expression":        structpb.NewStringValue(expression),
				"messageExpression": structpb.NewStringValue(text),
			}}),
		}})

		p, err := Read(s)
		if err != nil {
			return
		}

		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()

		facts := Facts{Claim: c.AsMap(), Namespace: c.AsMap(), Pool: mustPool(t, p, ""), Old: c.AsMap()}
		broken, err := p.Evaluate(ctx, facts)
		again, errAgain := p.Evaluate(ctx, facts)

		if ctx.Err() != nil {
			t.Fatalf("%q does not end", expression)
		}

		if diff := cmp.Diff(broken, again); diff != "" || message(err) != message(errAgain) {
			t.Errorf("%q: first %v, then %v:\n%s", expression, err, errAgain, diff)
		}

		if diff := cmp.Diff(c.AsMap(), facts.Claim); diff != "" {
			t.Errorf("%q changes the claim: -before, +after:\n%s", expression, diff)
		}
	})
}
