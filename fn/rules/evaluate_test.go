package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"
)

// Facts of the test cases.
const (
	exampleClaim = `
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
	exampleNamespace = `
metadata: {name: team-a, labels: {tier: prod}}
status: {phase: Active}
`
	exampleStatus = `
bucketName: bucket-1
credentials: [{access: ReadWrite, rotatedAt: "2026-11-23T00:00:00Z"}]
conditions: [{type: Ready}]
`
)

func exampleFacts(tb testing.TB, p *Policy) Facts {
	tb.Helper()

	return Facts{
		Claim:     parseObject(tb, exampleClaim),
		Namespace: parseObject(tb, exampleNamespace),
		Pool:      mustPool(tb, p, ""),
		Old:       parseObject(tb, exampleStatus),
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
			reason: "Without rules no claim breaks any.",
			rules:  `[]`,
		},
		"InOrder": {
			reason: "All rules should be evaluated, in the order of the input.",
			rules: `
- {name: z, expression: "claim.metadata.name == 'videos'", message: only videos}
- {name: b, expression: "true", message: never}
- {name: a, expression: "size(claim.spec.users) < 2", message: too many users}
`,
			want: want{broken: []Broken{{"z", "only videos"}, {"a", "too many users"}}},
		},
		"MessageExpression": {
			reason: "A messageExpression can use the variables, and its result is the same each time.",
			rules: `[{name: a, expression: "false", message: b, ` +
				`messageExpression: "claim.metadata.name + ' has ' + claim.spec.users.map(u, u).join(' and ')"}]`,
			want: want{broken: []Broken{{"a", "photos has app and reader"}}},
		},
		"MessageFails": {
			reason: "The message should replace a messageExpression that fails.",
			rules:  `[{name: a, expression: "false", message: b, messageExpression: "claim.spec.storagePool"}]`,
			want:   want{broken: []Broken{{"a", "b"}}},
		},
		"MessageEmpty": {
			reason: "The message should replace a messageExpression with an empty result.",
			rules:  `[{name: a, expression: "false", message: b, messageExpression: "' '"}]`,
			want:   want{broken: []Broken{{"a", "b"}}},
		},
		"MessageOfLines": {
			reason: "The message should replace a messageExpression with several lines.",
			rules:  `[{name: a, expression: "false", message: b, messageExpression: "'a\\nb'"}]`,
			want:   want{broken: []Broken{{"a", "b"}}},
		},
		"MessageTooLong": {
			reason: "The message should replace a messageExpression with a result that is too long.",
			rules:  `[{name: a, expression: "false", message: b, messageExpression: "lists.range(1000).map(i, 'abcdef').join('')"}]`,
			want:   want{broken: []Broken{{"a", "b"}}},
		},
		"NoMessage": {
			reason: "Without any message, the rule's name should be reported.",
			rules:  `[{name: a, expression: "false", messageExpression: "claim.spec.storagePool"}]`,
			want:   want{broken: []Broken{{"a", "the claim breaks the rule a of the platform"}}},
		},
		"NoSuchKey": {
			reason: "The error should name the rule that failed and the cause, and no broken rules should be returned.",
			rules: `
- {name: a, expression: "false", message: b}
- {name: storage, expression: "claim.spec.storagePool == 'gold'", message: b}
`,
			want: want{err: `cannot evaluate rule "storage": no such key: storagePool`},
		},
		"NoNamespace": {
			reason: "A rule that needs the namespace should fail without it.",
			rules:  `[{name: tier, expression: "'tier' in namespaceObject.metadata.labels", message: b}]`,
			change: func(f *Facts) { f.Namespace = nil },
			want:   want{err: `cannot evaluate rule "tier": the claim's namespace is not known`},
		},
		"NamespaceNotAsked": {
			reason: "A rule that does not evaluate the namespace should not fail without it.",
			rules:  `[{name: tier, expression: "claim.metadata.name == 'photos' || 'tier' in namespaceObject.metadata.labels", message: b}]`,
			change: func(f *Facts) { f.Namespace = nil },
		},
		"NoPool": {
			reason: "A rule that needs the pool should fail without it.",
			rules:  `[{name: gold, expression: "pool.name == 'gold'", message: b}]`,
			change: func(f *Facts) { f.Pool = nil },
			want:   want{err: `cannot evaluate rule "gold": the claim's pool is not known`},
		},
		"NewClaim": {
			reason: "A new claim has no status, and may have no spec.",
			rules:  `[{name: new, expression: "!has(old.bucketName) && !has(claim.spec.quota) && size(claim.metadata.labels) == 0", message: b}]`,
			change: func(f *Facts) {
				f.Claim, f.Old = map[string]any{"metadata": map[string]any{"name": "a"}}, nil
			},
		},
		"CostLimit": {
			reason: "A rule that exceeds the cost limit should fail.",
			rules:  `[{name: loops, expression: "lists.range(1000).all(a, lists.range(1000).all(b, a + b >= 0))", message: b}]`,
			want:   want{err: `cannot evaluate rule "loops": operation cancelled: actual cost limit exceeded`},
		},
		"WrongData": {
			reason: "Data that does not match the schema should fail.",
			rules:  `[{name: users, expression: "size(claim.spec.users) == 0", message: b}]`,
			change: func(f *Facts) { f.Claim["spec"] = map[string]any{"users": "all"} },
			want:   want{err: `cannot evaluate rule "users": invalid data, expected a map for the provided schema with type=object`},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := mustRead(t, smallest+"rules: "+tc.rules)

			f := exampleFacts(t, p)
			if tc.change != nil {
				tc.change(&f)
			}

			// Repeated, because an order that comes from Go's maps changes from run to run.
			for range 5 {
				broken, err := p.Evaluate(t.Context(), f)

				if diff := cmp.Diff(tc.want, want{broken, message(err)}, cmp.AllowUnexported(want{})); diff != "" {
					t.Fatalf("\n%s\np.Evaluate(...): -want, +got:\n%s", tc.reason, diff)
				}
			}
		})
	}
}

// TestEvaluateCancelled evaluates rules with a cancelled context.
func TestEvaluateCancelled(t *testing.T) {
	cases := map[string]struct {
		reason     string
		expression string
		want       string
	}{
		"Long": {
			reason:     "A long expression should be interrupted.",
			expression: "lists.range(1000).all(i, i >= 0)",
			want:       `cannot evaluate rule "a": operation interrupted: context canceled`,
		},
		"Short": {
			reason:     "A broken rule should not be returned, as its message may be a fallback.",
			expression: "false",
			want:       "cannot evaluate the rules: context canceled",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := mustRead(t, withRules(map[string]string{"a": tc.expression}))

			ctx, cancel := context.WithCancel(t.Context())
			cancel()

			broken, err := p.Evaluate(ctx, exampleFacts(t, p))
			if diff := cmp.Diff(tc.want, message(err)); diff != "" || broken != nil {
				t.Errorf("\n%s\np.Evaluate(...): %v, -want error, +got error:\n%s", tc.reason, broken, diff)
			}
		})
	}
}

// TestEvaluateConcurrently evaluates the rules of one policy for different claims concurrently, for the
// race detector.
func TestEvaluateConcurrently(t *testing.T) {
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

// FuzzEvaluate evaluates any expression on any claim: the expression compiles or returns an error, and
// its evaluation ends with the same result each time.
func FuzzEvaluate(f *testing.F) {
	claim, _ := json.Marshal(parseObject(f, exampleClaim)) //nolint:errchkjson // Parsed from JSON.

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
