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
			reason: "A pool without defaults should leave the claim as it is.",
			spec:   `{quota: 1Gi, users: {app: {}}}`,
			want:   `{quota: 1Gi, users: {app: {}}}`,
		},
		"All": {
			reason: "A claim that says nothing should get all defaults, and defaults of these.",
			pool:   `defaults: {quota: 10Gi, versioning: true, lifecycle: [{expireAfterDays: 7}], rotation: {interval: 720h}}`,
			spec:   `{users: {app: {}}}`,
			want:   `{users: {app: {}}, quota: 10Gi, versioning: true, lifecycle: [{expireAfterDays: 7}], rotation: {interval: 720h, overlap: 24h}}`,
		},
		"None": {
			reason: "What a claim says, if only that it wants nothing, should stay.",
			pool:   `{limits: {quota: 100Gi}, defaults: {quota: 10Gi, versioning: true, lifecycle: [{expireAfterDays: 7}], rotation: {interval: 720h}}}`,
			spec:   `{quota: 1Gi, versioning: false, lifecycle: [], rotation: {interval: 48h}}`,
			want:   `{quota: 1Gi, versioning: false, lifecycle: [], rotation: {interval: 48h}}`,
		},
		"Trigger": {
			reason: "Who replaces a key now should still have it replaced in time.",
			pool:   `defaults: {rotation: {interval: 720h, overlap: 168h}}`,
			spec:   `{rotation: {trigger: lost, overlap: 24h}}`,
			want:   `{rotation: {trigger: lost, overlap: 24h, interval: 720h}}`,
		},
		"TriggerShortInterval": {
			reason: "An overlap should not be longer than the interval.",
			pool:   `defaults: {rotation: {interval: 12h, overlap: 1h}}`,
			spec:   `{rotation: {trigger: lost, overlap: 24h}}`,
			want:   `{rotation: {trigger: lost, overlap: 1h, interval: 12h}}`,
		},
		"Limit": {
			reason: "Without a default, the largest quota should be the claim's.",
			pool:   `limits: {quota: 1073741824}`,
			spec:   `{}`,
			want:   `{quota: "1073741824"}`,
		},
		"DefaultBeforeLimit": {
			reason: "A default should go before the limit, even if it is more.",
			pool:   `{limits: {quota: 1Gi}, defaults: {quota: 10Gi}}`,
			spec:   `{}`,
			want:   `{quota: 10Gi}`,
		},
		"Locking": {
			reason: "A bucket with locking is versioned; no default should say otherwise.",
			pool:   `{retention: {mode: Compliance, days: 1}, defaults: {quota: 1Gi, versioning: false}}`,
			spec:   `{locking: true}`,
			want:   `{locking: true, quota: 1Gi}`,
		},
		"NoLocking": {
			reason: "Locking that is off should not matter.",
			pool:   `defaults: {versioning: false}`,
			spec:   `{locking: false}`,
			want:   `{locking: false, versioning: false}`,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := parseObject(t, tc.spec)
			got := poolOf(t, tc.pool).WithDefaults(spec)

			// JSON has one kind of numbers only.
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
	const all = `{locking: true, users: {a: {}, b: {}, c: {}}, quota: 20Gi, versioning: true, lifecycle: [{expireAfterDays: 1}], deletionPolicy: Retain, rotation: {}, publicRead: true}`

	cases := map[string]struct {
		reason string
		pool   string
		spec   string
		want   string
	}{
		"Empty": {
			reason: "A claim that asks for nothing should fit any pool.",
			pool:   `{fields: [], limits: {quota: 1, users: 0}}`,
			spec:   `{}`,
		},
		"OnlyDefaults": {
			reason: "To write down the default of a field is not to use it.",
			pool:   `{fields: []}`,
			spec:   `{locking: false, users: {}, lifecycle: [], deletionPolicy: DeleteIfEmpty, publicRead: false, storagePool: gold}`,
		},
		"NoList": {
			reason: "A pool that does not say otherwise should offer all but publicRead, and locking only with a retention.",
			spec:   all,
			want:   `storage pool "gold" does not offer locking; storage pool "gold" does not offer publicRead`,
		},
		"EmptyList": {
			reason: "A pool may offer nothing; the claim should learn of all at once, in order.",
			pool:   `{retention: {mode: Compliance, days: 1}, fields: []}`,
			spec:   all,
			want: `storage pool "gold" does not offer locking; storage pool "gold" does not offer users; storage pool "gold" does not offer quota; ` +
				`storage pool "gold" does not offer versioning; storage pool "gold" does not offer lifecycle; storage pool "gold" does not offer deletionPolicy; ` +
				`storage pool "gold" does not offer rotation; storage pool "gold" does not offer publicRead`,
		},
		"All": {
			reason: "A pool may offer everything.",
			pool:   `{retention: {mode: Compliance, days: 1}, fields: [locking, users, quota, versioning, lifecycle, deletionPolicy, rotation, publicRead]}`,
			spec:   all,
		},
		"LockingWithRetention": {
			reason: "A pool with a retention should offer locking.",
			pool:   `{retention: {mode: Compliance, days: 1}}`,
			spec:   `{locking: true}`,
		},
		"LockingWithoutRetention": {
			reason: "A pool without a retention has no locking, even if it lists it.",
			pool:   `{fields: [locking]}`,
			spec:   `{locking: true}`,
			want:   `storage pool "gold" does not offer locking`,
		},
		"VersioningOff": {
			reason: "There is no default of versioning: to say false is to use it.",
			pool:   `{fields: [quota]}`,
			spec:   `{versioning: false}`,
			want:   `storage pool "gold" does not offer versioning`,
		},
		"WithinLimits": {
			reason: "Limits are the most that is allowed, however it is written.",
			pool:   `limits: {quota: 1Gi, users: 2}`,
			spec:   `{quota: 1073741824, users: {a: {}, b: {}}}`,
		},
		"BeyondLimits": {
			reason: "A claim should learn what is too much, and how much is not.",
			pool:   `limits: {quota: 10Gi, users: 2}`,
			spec:   all,
			want: `storage pool "gold" does not offer locking; storage pool "gold" does not offer publicRead; ` +
				`quota of 20Gi is more than storage pool "gold" allows (10Gi); number of users, 3, is more than storage pool "gold" allows (2)`,
		},
		"HugeQuota": {
			reason: "A quota that is more than 63 bits should be compared too.",
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

// TestPoolTogether checks claims at the same time; the race detector looks on.
func TestPoolTogether(t *testing.T) {
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

// poolOf returns a pool with these fields beside those it must have.
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
