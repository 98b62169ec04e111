package main

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTry tries the Compositions that platform teams start from: their inputs can be read, and their
// rules accept and reject the right claims.
func TestTry(t *testing.T) {
	const (
		own     = "../package/configuration/composition.yaml"
		onePool = "../examples/platform/composition-one-pool.yaml"
		tiers   = "../examples/platform/composition-gold-silver.yaml"
		backups = "../examples/platform/composition-locked-backups.yaml"
	)

	cases := map[string]struct {
		reason      string
		composition string
		spec        string
		status      string
		namespace   string
		want        []string
		err         string
	}{
		"Own": {
			reason:      "An empty spec is allowed.",
			composition: own,
			spec:        "{}",
			want:        []string{"\nkind: Bucket\n", "\nkind: User\n"},
		},
		"FromACluster": {
			reason:      "A claim that kubectl printed is accepted.",
			composition: own,
			spec: "{crossplane: {compositionRef: {name: buckets}, " +
				"resourceRefs: [{apiVersion: v1, kind: Secret, name: bucket-backup-x}]}}",
			status: "{bucketName: bucket-1, " +
				"conditions: [{type: Ready, status: 'True', reason: Available, lastTransitionTime: '2026-01-01T00:00:00Z', observedGeneration: 1}]}",
			want: []string{"\nkind: Bucket\n"},
		},
		"ForeignReferences": {
			reason:      "Crossplane would wait for ever for kinds that it may not list.",
			composition: own,
			spec:        "{crossplane: {resourceRefs: [{apiVersion: source.toolkit.fluxcd.io/v1, kind: Bucket, name: x}]}}",
			err:         "leave spec.crossplane.resourceRefs out",
		},
		"ManyReferences": {
			reason:      "A claim with 20 users is composed of 64 objects.",
			composition: own,
			spec:        "{crossplane: {resourceRefs: [" + strings.Repeat("{apiVersion: v1, kind: Secret, name: x},", 65) + "]}}",
			err:         "leave spec.crossplane.resourceRefs out",
		},
		"OwnLocking": {
			reason:      "The default pool has locking.",
			composition: own,
			spec:        "{locking: true}",
			want:        []string{"mode: Compliance", "days: 365"},
		},
		"Lifecycle": {
			reason:      "Integers are read as integers.",
			composition: own,
			spec: "{lifecycle: [{prefix: tmp/, expireAfterDays: 30, expireNoncurrentAfterDays: 7, " +
				"abortIncompleteUploadsAfterDays: 2}]}",
			want: []string{"expireAfterDays: 30", "expireNoncurrentAfterDays: 7", "abortIncompleteUploadsAfterDays: 2", "prefix: tmp/"},
		},
		"LifecycleFraction": {
			reason:      "A number with a fraction is not an integer.",
			composition: own,
			spec:        "{lifecycle: [{expireAfterDays: 1.5}]}",
			err:         `spec.lifecycle[0].expireAfterDays: Invalid value: "number": must be of type integer`,
		},
		"QuotaNumber": {
			reason:      "A quota may be a number.",
			composition: own,
			spec:        "{quota: 1073741824}",
			want:        []string{`quota: "1073741824"`},
		},
		"QuotaText": {
			reason:      "A quota may be text.",
			composition: own,
			spec:        "{quota: 1.5Gi}",
			want:        []string{"quota: 1536Mi"},
		},
		"QuotaLargeExponent": {
			reason:      "To compare such a quota takes hours, with nine digits.",
			composition: own,
			spec:        "{quota: '1e100'}",
			err:         "quota has at most 25 digits, and two in an exponent",
		},
		"QuotaSmallExponent": {
			reason:      "To read such a quota takes hours, with nine digits.",
			composition: own,
			spec:        "{quota: '1E-100'}",
			err:         "quota has at most 25 digits, and two in an exponent",
		},
		"QuotaExponent": {
			reason:      "A quota may have an exponent.",
			composition: own,
			spec:        "{quota: '1e9'}",
			want:        []string{`quota: "1e9"`},
		},
		"QuotaLong": {
			reason:      "No quota needs so many digits.",
			composition: own,
			spec:        "{quota: '0000000000000000000000000000000001'}",
			err:         "quota has at most 25 digits, and two in an exponent",
		},
		"Users": {
			reason:      "Each user gets a User.",
			composition: own,
			spec:        "{users: {app: {readonly: true}, ci: {}}}",
			want:        []string{"\n# user-app\n", "\n# user-ci\n", "access: ReadOnly"},
		},
		"Versioning": {
			reason:      "Versioning is suspended.",
			composition: own,
			spec:        "{versioning: false}",
			want:        []string{"versioning: Suspended"},
		},
		"DeletionPolicy": {
			reason:      "The contents of the bucket are deleted.",
			composition: own,
			spec:        "{deletionPolicy: Delete}",
			want:        []string{"whenNotEmpty: Purge"},
		},
		"Rotation": {
			reason:      "Keys are rotated.",
			composition: own,
			spec:        "{rotation: {interval: 48h, overlap: 12h, trigger: '1'}}",
			want:        []string{"interval: 48h0m0s", "overlap: 12h0m0s", `trigger: "1"`},
		},
		"StoragePool": {
			reason:      "The pool does not exist.",
			composition: own,
			spec:        "{storagePool: nvme}",
			err:         `InvalidClaim: storage pool "nvme" does not exist`,
		},
		"PublicRead": {
			reason:      "The rule on publicRead is evaluated.",
			composition: tiers,
			spec:        "{storagePool: gold, publicRead: true}",
			namespace:   "labels: {cistern.dev/tier: gold}",
			err:         "RuleBroken: publicRead needs the annotation",
		},
		"PublicRetained": {
			reason:      "A retained bucket must not stay public after its claim is deleted.",
			composition: tiers,
			spec:        "{storagePool: gold, publicRead: true, deletionPolicy: Retain}",
			err:         "would stay public after its claim is deleted",
		},
		"PublicLocked": {
			reason:      "A bucket with locking is always retained.",
			composition: tiers,
			spec:        "{storagePool: gold, publicRead: true, locking: true}",
			err:         "would stay public after its claim is deleted",
		},
		"DuplicateKey": {
			reason:      "A duplicate key is an error.",
			composition: own,
			spec:        "{quota: 1Gi, quota: 2Gi}",
			err:         "cannot read",
		},
		"OwnQuota": {
			reason:      "The rule on quotas is evaluated.",
			composition: own,
			spec:        "{quota: 11Ti}",
			err:         "RuleBroken: a quota of more than 10Ti",
		},
		"Defaults": {
			reason:      "The pool's defaults are set.",
			composition: onePool,
			spec:        "{}",
			want:        []string{"quota: 10Gi", "interval: 2160h0m0s"},
		},
		"NotOffered": {
			reason:      "The pool does not offer the field.",
			composition: onePool,
			spec:        "{publicRead: true}",
			err:         `InvalidClaim: storage pool "default" does not offer publicRead`,
		},
		"OverlapTooBig": {
			reason:      "The API server would reject the claim.",
			composition: onePool,
			spec:        "{rotation: {interval: 1h, overlap: 2h}}",
			err:         "the API server would reject",
		},
		"NeverRotated": {
			reason:      "The pool limits the interval.",
			composition: onePool,
			spec:        "{rotation: {interval: 876000h}}",
			err:         `InvalidClaim: rotation.interval of 876000h is more than storage pool "default" allows (2160h)`,
		},
		"RotatedAllTheTime": {
			reason:      "The pool limits the interval in both directions.",
			composition: onePool,
			spec:        "{rotation: {interval: 1h, overlap: 1h}}",
			err:         `InvalidClaim: rotation.interval of 1h is less than storage pool "default" allows (24h)`,
		},
		"SilverNoLabel": {
			reason:      "The default namespace has no labels.",
			composition: tiers,
			spec:        "{storagePool: gold}",
			err:         "RuleBroken: storagePool gold is for namespaces",
		},
		"Gold": {
			reason:      "The rule reads the namespace's label of the tier.",
			composition: tiers,
			spec:        "{storagePool: gold}",
			namespace:   "labels: {cistern.dev/tier: gold}",
			want:        []string{"versioning: Enabled"},
		},
		"GoldQuota": {
			reason:      "The rule reads the namespace's label of the quota.",
			composition: tiers,
			spec:        "{quota: 60Gi}",
			namespace:   "labels: {cistern.dev/quota: 50Gi}",
			err:         "RuleBroken: quota is at most 50Gi in namespace team-a",
		},
		"Backup": {
			reason:      "The rule requires locking.",
			composition: backups,
			spec:        "{}",
			err:         "RuleBroken: every bucket here is locked",
		},
		"NoComposition": {
			reason:      "The file is not a Composition.",
			composition: "../examples/claim/bucket.yaml",
			spec:        "{}",
			err:         "is not a Composition with a step whose input is an Input",
		},
		"UnknownField": {
			reason:      "An undefined field is named.",
			composition: own,
			spec:        "{qouta: 1Gi}",
			err:         "spec.qouta: there is no such field",
		},
		"RevisionPinned": {
			reason:      "Tenants cannot choose the revision.",
			composition: own,
			spec:        "{crossplane: {compositionUpdatePolicy: Manual}}",
			err:         "the platform chooses the composition revision",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(file, text string) string {
				path := filepath.Join(dir, file)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}

				return path
			}

			c := &try{
				Composition: tc.composition,
				Claim: write("claim.yaml", "{apiVersion: apps.cozystack.io/v1alpha1, kind: Bucket, "+
					"metadata: {name: backup-x, namespace: team-a}, spec: "+tc.spec+", status: "+cmp.Or(tc.status, "{}")+"}"),
			}
			if tc.namespace != "" {
				c.Namespace = write("namespace.yaml", "{apiVersion: v1, kind: Namespace, metadata: {"+tc.namespace+"}}")
			}

			out := &bytes.Buffer{}

			err := c.run(t.Context(), out)
			if (err == nil) != (tc.err == "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("%s\nrun(): want error %q, got %v", tc.reason, tc.err, err)
			}

			for _, text := range tc.want {
				if !strings.Contains(out.String(), text) {
					t.Errorf("%s\nrun(): want %q in\n%s", tc.reason, text, out)
				}
			}
		})
	}
}
