package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"
)

// full uses every field of the input.
const full = smallest + `    retention: {mode: Compliance, years: 1}
    fields: [locking, users, quota, versioning, lifecycle, deletionPolicy, rotation, publicRead]
    limits: {quota: 100Gi, users: 0, rotation: {minInterval: 24h, maxInterval: 2160h, maxOverlap: 168h}}
    defaults:
      quota: 1073741824
      versioning: true
      lifecycle: [{prefix: tmp/, expireAfterDays: 7}]
      rotation: {interval: 720h}
  - name: bronze
    providerConfigRef: {kind: ProviderConfig, name: bronze}
rules:
  - name: a
    expression: "true"
    message: a
    messageExpression: "'a'"
`

func TestRead(t *testing.T) {
	cases := map[string]struct {
		reason string
		input  string
		want   string
	}{
		"Smallest": {
			reason: "One pool that is the default should be enough.",
			input:  smallest,
		},
		"Full": {
			reason: "Every field should be accepted.",
			input:  full,
		},
		"Nothing": {
			reason: "An empty object is not an Input.",
			input:  `{}`,
			want:   "it is a  , not a input.cistern.dev/v1alpha1 Input",
		},
		"OtherKind": {
			reason: "The input of another function should be rejected by its kind, not by its fields.",
			input:  `{apiVersion: pt.fn.crossplane.io/v1beta1, kind: Resources, resources: []}`,
			want:   "it is a pt.fn.crossplane.io/v1beta1 Resources, not a input.cistern.dev/v1alpha1 Input",
		},
		"Required": {
			reason: "All missing required fields should be named; null counts as missing.",
			input:  `{apiVersion: input.cistern.dev/v1alpha1, kind: Input, pools: null}`,
			want:   "defaultPool: Required value; pools: Required value",
		},
		"NoPools": {
			reason: "At least one pool is required.",
			input:  `{apiVersion: input.cistern.dev/v1alpha1, kind: Input, defaultPool: a, pools: []}`,
			want:   "pools: Invalid value: 0: should have at least 1 items",
		},
		"NoDefaultPool": {
			reason: "The default pool must be one of the pools.",
			input:  strings.Replace(smallest, "defaultPool: gold", "defaultPool: silver", 1),
			want:   "defaultPool must be the name of one of the pools",
		},
		"WrongType": {
			reason: "A field of the wrong type should be named.",
			input:  strings.Replace(smallest, "defaultPool: gold", "defaultPool: 5", 1),
			want:   `defaultPool: Invalid value: "integer": must be of type string: "integer"`,
		},
		"UnknownFields": {
			reason: "A misspelt field must not be ignored, at any depth, and all of them should be named.",
			input: smallest + `    limits: {qouta: 1Gi}
    defaults: {lifecycle: [{expireAfterDays: 1, Prefix: a}]}
rules: [{name: a, expression: "true", message: a, msg: b}]
poolz: []
`,
			want: "pools[0].defaults.lifecycle[0].Prefix: there is no such field; pools[0].limits.qouta: there is no such field; " +
				"poolz: there is no such field; rules[0].msg: there is no such field",
		},
		"UnknownMetadata": {
			reason: "Unknown fields of metadata should be named too.",
			input:  smallest + "metadata: {name: a, nme: b}",
			want:   `strict decoding error: unknown field "metadata.nme"`,
		},
		"DuplicatePools": {
			reason: "Two pools of one name would be ambiguous.",
			input:  smallest + "  - {name: gold, providerConfigRef: {kind: ProviderConfig, name: b}}",
			want:   `pools[1]: Duplicate value: {"name":"gold"}`,
		},
		"DuplicateFields": {
			reason: "A set should have no duplicates, and only known fields.",
			input:  smallest + "    fields: [quota, quota, tags]",
			want: `pools[0].fields[1]: Duplicate value: "quota"; pools[0].fields[2]: Unsupported value: "tags": ` +
				`supported values: "locking", "users", "quota", "versioning", "lifecycle", "deletionPolicy", "rotation", "publicRead"`,
		},
		"Minimum": {
			reason: "Bounds of numbers should be checked.",
			input:  smallest + "  - {name: b, providerConfigRef: {kind: ProviderConfig, name: b}, retention: {mode: Compliance, days: 0}}",
			want:   "pools[1].retention.days: Invalid value: 0: should be greater than or equal to 1",
		},
		"Governance": {
			reason: "Locks that any key can lift should not be offered as locks.",
			input:  smallest + "    retention: {mode: Governance, days: 1}",
			want:   "pools[0].retention: Invalid value: mode must be Compliance: on MinIO every key can lift a Governance lock, even one of another bucket",
		},
		"ExactlyOne": {
			reason: "Constraints between fields should be checked.",
			input:  smallest + "    retention: {mode: Compliance, days: 1, years: 1}",
			want:   "pools[0].retention: Invalid value: exactly one of the fields in [days years] must be set",
		},
		"Rules": {
			reason: "Validation rules should be checked at any depth.",
			input: smallest + `    limits: {quota: 0}
    defaults: {quota: 500m, rotation: {interval: 1s, overlap: 0s}, lifecycle: [{prefix: a}]}
`,
			want: "pools[0].defaults.lifecycle[0]: Invalid value: a lifecycle rule needs one of " +
				"expireAfterDays, expireNoncurrentAfterDays and abortIncompleteUploadsAfterDays; " +
				`pools[0].defaults.quota: Invalid value: "500m": ` +
				`a quota is whole bytes, more than 0 and less than 8Ei; write M for megabytes, not m; ` +
				`pools[0].defaults.rotation.interval: Invalid value: "1s": interval must be at least 1m; ` +
				"pools[0].limits.quota: Invalid value: 0: a quota is whole bytes, more than 0 and less than 8Ei; write M for megabytes, not m",
		},
		"RotationLimits": {
			reason: "Limits of rotation should be possible, and in order.",
			input:  smallest + "    limits: {rotation: {minInterval: 48h, maxInterval: 24h}}",
			want:   "pools[0].limits.rotation: Invalid value: minInterval cannot be longer than maxInterval",
		},
		"DefaultOverlap": {
			reason: "Defaults should be set before validation rules are evaluated: the default overlap is 24h.",
			input:  smallest + "    defaults: {rotation: {interval: 12h}}",
			want:   "pools[0].defaults.rotation: Invalid value: overlap, 24h unless it is set, cannot be longer than interval",
		},
		"LongOverlap": {
			reason: "Users take no overlap of more than 720h, so no pool should have one as its default.",
			input:  smallest + "    defaults: {rotation: {interval: 2160h, overlap: 721h}}",
			want: "pools[0].defaults.rotation.overlap: Invalid value: \"721h\": " +
				"overlap cannot be longer than 720h: each replaced key works until it ends",
		},
		"NoMessage": {
			reason: "A rule needs a message.",
			input:  smallest + `rules: [{name: a, expression: "true"}]`,
			want:   "rules[0]: Invalid value: a rule needs message or messageExpression",
		},
		"DuplicateRules": {
			reason: "The names of rules must be unique.",
			input:  smallest + `rules: [{name: a, expression: "true", message: a}, {name: a, expression: "true", message: b}]`,
			want:   `rules[1]: Duplicate value: {"name":"a"}`,
		},
		"Syntax": {
			reason: "A rule that is not valid CEL should be named, with the position.",
			input:  smallest + `rules: [{name: small, expression: "claim.spec.locking &| true", message: a}]`,
			want: `rule "small": expression: 1:20: Syntax error: token recognition error at: '&|'; ` +
				`rule "small": expression: 1:23: Syntax error: extraneous input 'true' expecting <EOF>`,
		},
		"Undeclared": {
			reason: "All undeclared fields and variables should be named.",
			input:  smallest + `rules: [{name: small, expression: "claim.spec.quotta == '1' || nobody", message: a}]`,
			want: `rule "small": expression: 1:11: undefined field 'quotta'; ` +
				`rule "small": expression: 1:29: undeclared reference to 'nobody' (in container '')`,
		},
		"NotBool": {
			reason: "An expression must return a boolean.",
			input:  smallest + `rules: [{name: small, expression: "size(claim.spec.users)", message: a}]`,
			want:   `rule "small": expression: the result is int, not bool`,
		},
		"NotString": {
			reason: "A messageExpression must return a string.",
			input:  smallest + `rules: [{name: small, expression: "true", messageExpression: "1"}]`,
			want:   `rule "small": messageExpression: the result is int, not string`,
		},
		"QuotaIsText": {
			reason: "A comparison that would fail for every claim with a quota should be rejected when the input is read.",
			input:  smallest + `rules: [{name: small, expression: "claim.spec.quota > 5", message: a}]`,
			want:   `rule "small": expression: 1:18: found no matching overload for '_>_' applied to '(string, int)'`,
		},
		"BadRegex": {
			reason: "An invalid pattern should be rejected when the input is read.",
			input:  smallest + `rules: [{name: small, expression: "claim.metadata.name.matches('[')", message: a}]`,
			want:   `rule "small": expression: 1:29: invalid matches argument`,
		},
		"Reserved": {
			reason: "CEL reserves the word namespace, except for fields.",
			input:  smallest + `rules: [{name: small, expression: "namespace.metadata.name == claim.metadata.namespace", message: a}]`,
			want:   `rule "small": expression: 1:1: reserved identifier: namespace`,
		},
		"Range": {
			reason: "A list whose length a tenant chooses could use all memory.",
			input:  smallest + `rules: [{name: small, expression: "lists.range(size(claim.metadata.name)) != []", message: a}]`,
			want:   `rule "small": expression: 1:12: the length of lists.range must be a literal number of at most 1000`,
		},
		"LongRange": {
			reason: "So could a rule with a large literal.",
			input:  smallest + `rules: [{name: small, expression: "size(lists.range(1001)) > 0", message: a}]`,
			want:   `rule "small": expression: 1:17: the length of lists.range must be a literal number of at most 1000`,
		},
		"TooLong": {
			reason: "An expression that is too long should not be parsed.",
			input:  smallest + `rules: [{name: small, expression: "` + strings.Repeat("(", 4097) + `", message: a}]`,
			want:   "rules[0].expression: Too long: may not be more than 4096 bytes",
		},
		"TooDeep": {
			reason: "A short enough expression may be nested too deeply for the parser.",
			input:  smallest + `rules: [{name: small, expression: "` + strings.Repeat("(", 4000) + `", message: a}]`,
			want:   `rule "small": expression: expression recursion limit exceeded: 250`,
		},
		"Everything": {
			reason: "Problems of fields and of rules should be reported together.",
			input: smallest + `    retention: {mode: never, days: 1}
rules:
  - {name: a, expression: "", message: a}
  - {name: b, expression: nobody, messageExpression: nothing}
  - 5
`,
			want: `pools[0].retention.mode: Unsupported value: "never": supported values: "Governance", "Compliance"; ` +
				`rules[0].expression: Invalid value: "": should be at least 1 chars long; ` +
				`rules[2]: Invalid value: "integer": must be of type object: "integer"; ` +
				`rules[2]: Invalid value: 5: must be an object for an array of list-type map; ` +
				`rule "b": expression: 1:1: undeclared reference to 'nobody' (in container ''); ` +
				`rule "b": messageExpression: 1:1: undeclared reference to 'nothing' (in container '')`,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Read(parseInput(t, tc.input))

			if diff := cmp.Diff(tc.want, message(err)); diff != "" {
				t.Errorf("\n%s\nRead(...): -want error, +got error:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestReadNothing reads inputs that YAML cannot express.
func TestReadNothing(t *testing.T) {
	cases := map[string]struct {
		reason string
		input  *structpb.Struct
		want   string
	}{
		"NoInput": {
			reason: "A Composition may have no input.",
			want:   "it is missing",
		},
		"NoValue": {
			reason: "A value may have no kind.",
			input:  &structpb.Struct{Fields: map[string]*structpb.Value{"pools": {}}},
			want:   "cannot encode it: ",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(tc.input); !strings.HasPrefix(message(err), tc.want) {
				t.Errorf("\n%s\nRead(...): want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// FuzzRead reads any input: one that is accepted must have a default pool, and one that is not must be
// rejected with the same error each time.
func FuzzRead(f *testing.F) {
	for _, doc := range []string{smallest, full, benchmarked, `{}`, smallest + `rules: [{name: a, expression: "nobody", message: a}]`} {
		b, err := parseInput(f, doc).MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}

		f.Add(b)
	}

	f.Add([]byte(`{"pools":null}`))
	f.Add([]byte(`{"apiVersion":"input.cistern.dev/v1alpha1","kind":"Input","pools":[{}],"rules":[[]]}`))

	f.Fuzz(func(t *testing.T, b []byte) {
		s := &structpb.Struct{}
		if err := s.UnmarshalJSON(b); err != nil {
			t.Skip("not a JSON object")
		}

		p, err := Read(s)
		if err != nil {
			if _, again := Read(s); err.Error() != message(again) {
				t.Errorf("Read(%s): first %v, then %v", b, err, again)
			}

			return
		}

		if _, err := p.Pool(""); err != nil {
			t.Errorf("Read(%s) accepted an input without a default pool: %v", b, err)
		}
	})
}
