package rules

import "testing"

// benchmarked is an input with five rules that are typical of platforms.
const benchmarked = `
apiVersion: input.cistern.dev/v1alpha1
kind: Input
defaultPool: gold
pools:
  - name: gold
    providerConfigRef: {kind: ClusterProviderConfig, name: gold}
    retention: {mode: Compliance, days: 30}
    fields: [locking, users, quota, lifecycle, deletionPolicy, rotation]
    limits: {quota: 100Gi, users: 5}
    defaults:
      quota: 10Gi
      rotation: {interval: 720h}
  - name: bronze
    providerConfigRef: {kind: ClusterProviderConfig, name: bronze}
rules:
  - name: small
    expression: "!has(claim.spec.quota) || quantity(claim.spec.quota).compareTo(quantity('50Gi')) <= 0"
    message: at most 50Gi
  - name: team
    expression: "'team' in claim.metadata.labels && claim.metadata.labels['team'].matches('^[a-z]+$')"
    message: needs a team
  - name: readers
    expression: "!has(claim.spec.users) || claim.spec.users.all(u, claim.spec.users[u].readonly || u.startsWith('app'))"
    messageExpression: "'no writer but app: ' + claim.spec.users.map(u, u).join(', ')"
  - name: tier
    expression: "namespaceObject.metadata.labels[?'tier'].orValue('dev') != 'dev' || pool.name != 'platinum'"
    message: dev has no platinum
  - name: name
    expression: "!claim.metadata.name.matches('^(test|tmp)-.*') && claim.metadata.namespace != 'default'"
    message: not this name
`

func BenchmarkCacheRead(b *testing.B) {
	s := parseInput(b, benchmarked)
	c := NewCache()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Read(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	s := parseInput(b, benchmarked)
	if _, err := Read(s); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	p, err := Read(parseInput(b, benchmarked))
	if err != nil {
		b.Fatal(err)
	}
	pool, _ := p.Pool("")
	claim := parseInput(b, `
metadata: {name: photos, namespace: team-a, labels: {team: photo}}
spec:
  quota: 10Gi
  users: {app: {}, reader: {readonly: true}}
`).AsMap()
	ns := parseInput(b, `metadata: {name: team-a, labels: {tier: prod}}`).AsMap()
	b.ReportAllocs()
	for b.Loop() {
		broken, err := p.Evaluate(b.Context(), Facts{Claim: claim, Namespace: ns, Pool: pool})
		if err != nil || len(broken) > 0 {
			b.Fatal(broken, err)
		}
	}
}
