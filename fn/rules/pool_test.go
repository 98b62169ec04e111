package rules

import (
	"encoding/json"
	"maps"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

func TestPoolWithDefaults(t *testing.T) {
	cases := map[string]struct {
		reason string
		pool   string
		spec   string
		want   string
	}{
		"NoDefaults": {
			reason: "A pool without defaults should not change the spec.",
			spec:   `{quota: 1Gi, users: {app: {}}}`,
			want:   `{quota: 1Gi, users: {app: {}}}`,
		},
		"All": {
			reason: "An empty spec should get all of the pool's defaults, including their own defaults.",
			pool:   `defaults: {quota: 10Gi, versioning: true, lifecycle: [{expireAfterDays: 7}], rotation: {interval: 720h}}`,
			spec:   `{users: {app: {}}}`,
			want:   `{users: {app: {}}, quota: 10Gi, versioning: true, lifecycle: [{expireAfterDays: 7}], rotation: {interval: 720h, overlap: 24h}}`,
		},
		"None": {
			reason: "Fields that a claim sets, even to empty values, should be kept.",
			pool: `{limits: {quota: 100Gi}, defaults: {quota: 10Gi, versioning: true, ` +
				`lifecycle: [{expireAfterDays: 7}], rotation: {interval: 720h}}}`,
			spec: `{quota: 1Gi, versioning: false, lifecycle: [], rotation: {interval: 48h}}`,
			want: `{quota: 1Gi, versioning: false, lifecycle: [], rotation: {interval: 48h}}`,
		},
		"Trigger": {
			reason: "A rotation with only a trigger should get the pool's interval.",
			pool:   `defaults: {rotation: {interval: 720h, overlap: 168h}}`,
			spec:   `{rotation: {trigger: lost, overlap: 24h}}`,
			want:   `{rotation: {trigger: lost, overlap: 24h, interval: 720h}}`,
		},
		"TriggerShortInterval": {
			reason: "An overlap that is longer than the pool's interval should be replaced by the pool's.",
			pool:   `defaults: {rotation: {interval: 12h, overlap: 1h}}`,
			spec:   `{rotation: {trigger: lost, overlap: 24h}}`,
			want:   `{rotation: {trigger: lost, overlap: 1h, interval: 12h}}`,
		},
		"Limit": {
			reason: "Without a default quota, the limit should be the quota.",
			pool:   `limits: {quota: 1073741824}`,
			spec:   `{}`,
			want:   `{quota: "1073741824"}`,
		},
		"DefaultBeforeLimit": {
			reason: "A default quota should be used rather than the limit, even if it is larger.",
			pool:   `{limits: {quota: 1Gi}, defaults: {quota: 10Gi}}`,
			spec:   `{}`,
			want:   `{quota: 10Gi}`,
		},
		"Locking": {
			reason: "A default versioning should not apply with locking, which needs versioning.",
			pool:   `{retention: {mode: Compliance, days: 1}, defaults: {quota: 1Gi, versioning: false}}`,
			spec:   `{locking: true}`,
			want:   `{locking: true, quota: 1Gi}`,
		},
		"NoLocking": {
			reason: "A default versioning should apply without locking.",
			pool:   `defaults: {versioning: false}`,
			spec:   `{locking: false}`,
			want:   `{locking: false, versioning: false}`,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := parseObject(t, tc.spec)
			got := poolOf(t, tc.pool).WithDefaults(spec)

			// JSON has float64 only.
			if diff := cmp.Diff(parseObject(t, tc.want), toJSON(t, got)); diff != "" {
				t.Errorf("\n%s\npool.WithDefaults(...): -want, +got:\n%s", tc.reason, diff)
			}

			if diff := cmp.Diff(parseObject(t, tc.spec), spec); diff != "" {
				t.Errorf("\npool.WithDefaults(...) changed its argument: -before, +after:\n%s", diff)
			}

			got["mine"] = true
			if _, ok := spec["mine"]; ok {
				t.Error("pool.WithDefaults(...) returned its argument")
			}
		})
	}
}

func TestPoolCheck(t *testing.T) {
	const all = `{locking: true, users: {a: {}, b: {}, c: {}}, quota: 20Gi, versioning: true, ` +
		`lifecycle: [{expireAfterDays: 1}], deletionPolicy: Retain, rotation: {}, publicRead: true}`

	cases := map[string]struct {
		reason string
		pool   string
		spec   string
		want   string
	}{
		"Empty": {
			reason: "An empty spec should be allowed in any pool.",
			pool:   `{fields: [], limits: {quota: 1, users: 0}}`,
			spec:   `{}`,
		},
		"OnlyDefaults": {
			reason: "Setting a field to its default should not count as using it.",
			pool:   `{fields: []}`,
			spec:   `{locking: false, users: {}, lifecycle: [], deletionPolicy: DeleteIfEmpty, publicRead: false, storagePool: gold}`,
		},
		"NoList": {
			reason: "By default a pool should offer all fields except publicRead, and locking only with a retention.",
			spec:   all,
			want:   `storage pool "gold" does not offer locking; storage pool "gold" does not offer publicRead`,
		},
		"EmptyList": {
			reason: "A pool may offer no field; the error should list all that the claim uses, in order.",
			pool:   `{retention: {mode: Compliance, days: 1}, fields: []}`,
			spec:   all,
			want: `storage pool "gold" does not offer locking; storage pool "gold" does not offer users; ` +
				`storage pool "gold" does not offer quota; ` +
				`storage pool "gold" does not offer versioning; storage pool "gold" does not offer lifecycle; ` +
				`storage pool "gold" does not offer deletionPolicy; ` +
				`storage pool "gold" does not offer rotation; storage pool "gold" does not offer publicRead`,
		},
		"All": {
			reason: "A pool may offer all fields.",
			pool: `{retention: {mode: Compliance, days: 1}, ` +
				`fields: [locking, users, quota, versioning, lifecycle, deletionPolicy, rotation, publicRead]}`,
			spec: all,
		},
		"LockingWithRetention": {
			reason: "A pool with a retention should offer locking.",
			pool:   `{retention: {mode: Compliance, days: 1}}`,
			spec:   `{locking: true}`,
		},
		"LockingWithoutRetention": {
			reason: "A pool without a retention should not offer locking, even if it lists it.",
			pool:   `{fields: [locking]}`,
			spec:   `{locking: true}`,
			want:   `storage pool "gold" does not offer locking`,
		},
		"VersioningOff": {
			reason: "Versioning has no default, so false should count as using it.",
			pool:   `{fields: [quota]}`,
			spec:   `{versioning: false}`,
			want:   `storage pool "gold" does not offer versioning`,
		},
		"WithinLimits": {
			reason: "Values equal to the limits should be allowed, however they are written.",
			pool:   `limits: {quota: 1Gi, users: 2}`,
			spec:   `{quota: 1073741824, users: {a: {}, b: {}}}`,
		},
		"BeyondLimits": {
			reason: "The error should name each value that exceeds a limit, and the limit.",
			pool:   `limits: {quota: 10Gi, users: 2}`,
			spec:   all,
			want: `storage pool "gold" does not offer locking; storage pool "gold" does not offer publicRead; ` +
				`quota of 20Gi is more than storage pool "gold" allows (10Gi); number of users, 3, is more than storage pool "gold" allows (2)`,
		},
		"HugeQuota": {
			reason: "A quota of more than 63 bits should be compared correctly.",
			pool:   `limits: {quota: 1Gi}`,
			spec:   `{quota: "1e21"}`,
			want:   `quota of 1e21 is more than storage pool "gold" allows (1Gi)`,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pool := poolOf(t, tc.pool)
			err := pool.Check(specOf(t, tc.spec))

			if diff := cmp.Diff(tc.want, message(err)); diff != "" {
				t.Errorf("\n%s\npool.Check(...): -want error, +got error:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestPoolConcurrently checks claims concurrently, for the race detector.
func TestPoolConcurrently(t *testing.T) {
	pool := poolOf(t, `{limits: {quota: 1024Mi}, defaults: {quota: 512Mi}}`)
	spec := specOf(t, `{quota: 2048Mi}`)

	var wg sync.WaitGroup

	for range 4 {
		wg.Go(func() {
			const want = `quota of 2Gi is more than storage pool "gold" allows (1024Mi)`

			if got := message(pool.Check(spec)); got != want {
				t.Errorf("pool.Check(...): want %s, got %s", want, got)
			}

			if got := pool.WithDefaults(nil)["quota"]; got != "512Mi" {
				t.Errorf("pool.WithDefaults(...): want quota 512Mi, got %v", got)
			}
		})
	}

	wg.Wait()
}

// poolOf returns a pool with the given fields beside the required ones.
func poolOf(t *testing.T, fields string) *Pool {
	t.Helper()

	s := parseInput(t, smallest)

	pool := s.GetFields()["pools"].GetListValue().GetValues()[0].GetStructValue().GetFields()
	if fields != "" {
		maps.Copy(pool, parseInput(t, fields).GetFields())
	}

	p, err := Read(s)
	if err != nil {
		t.Fatal(err)
	}

	return mustPool(t, p, "")
}

func specOf(t *testing.T, doc string) *tenantv1alpha1.BucketSpec {
	t.Helper()

	spec := &tenantv1alpha1.BucketSpec{}
	if err := yaml.UnmarshalStrict([]byte(doc), spec); err != nil {
		t.Fatal(err)
	}

	return spec
}

func toJSON(t *testing.T, v map[string]any) map[string]any {
	t.Helper()

	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}

	return parseObject(t, string(b))
}
