package bucket

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/minio/madmin-go/v3"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"k8s.io/apimachinery/pkg/api/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// parameters returns a spec that sets every setting.
func parameters() miniov1alpha1.BucketParameters {
	return miniov1alpha1.BucketParameters{
		ObjectLocking: true,
		Retention:     &miniov1alpha1.Retention{Mode: miniov1alpha1.RetentionGovernance, Days: new(int32(30))},
		Versioning:    new(miniov1alpha1.VersioningEnabled),
		Quota:         new(resource.MustParse("10Gi")),
		Lifecycle: []miniov1alpha1.LifecycleRule{
			{ExpireAfterDays: new(int32(90))},
			{Prefix: "tmp/", ExpireAfterDays: new(int32(1)), ExpireNoncurrentAfterDays: new(int32(2))},
			{AbortIncompleteUploadsAfterDays: new(int32(3))},
		},
		Tags:            map[string]string{"team": "a b", "tier": "gold"},
		Encryption:      &miniov1alpha1.Encryption{Type: miniov1alpha1.EncryptionSSEKMS, KMSKeyID: "photos"},
		AnonymousAccess: new(miniov1alpha1.AnonymousAccessDownload),
	}
}

// nothing returns a spec that sets to nothing what can be set to nothing.
func nothing() miniov1alpha1.BucketParameters {
	return miniov1alpha1.BucketParameters{
		Quota:           new(resource.MustParse("0")),
		Lifecycle:       []miniov1alpha1.LifecycleRule{},
		Tags:            map[string]string{},
		AnonymousAccess: new(miniov1alpha1.AnonymousAccessNone),
	}
}

// files returns the settings of parameters as a server keeps them, in its own order and form.
func files() metadata {
	return metadata{
		fileVersioning: []byte(`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
			`<Status>Enabled</Status></VersioningConfiguration>`),
		fileLocking: []byte(`<ObjectLockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ObjectLockEnabled>Enabled</ObjectLockEnabled>` +
			`<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>`),
		fileQuota: []byte(`{"quota":10737418240,"size":10737418240,"rate":0,"requests":0,"quotatype":"hard"}`),
		fileLifecycle: []byte(`<LifecycleConfiguration>` +
			`<Rule><ID>b</ID><Status>Enabled</Status><Filter><Prefix>tmp/</Prefix></Filter><Expiration><Days>1</Days></Expiration>` +
			`<NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays></NoncurrentVersionExpiration></Rule>` +
			`<Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><Expiration><Days>90</Days></Expiration></Rule>` +
			`<ExpiryUpdatedAt>2026-01-01T00:00:00Z</ExpiryUpdatedAt></LifecycleConfiguration>`),
		fileTags: []byte(`<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet>` +
			`<Tag><Key>tier</Key><Value>gold</Value></Tag><Tag><Key>team</Key><Value>a b</Value></Tag></TagSet></Tagging>`),
		fileEncryption: []byte(`<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>` +
			`<ApplyServerSideEncryptionByDefault><KMSMasterKeyID>arn:aws:kms:photos</KMSMasterKeyID><SSEAlgorithm>aws:kms</SSEAlgorithm>` +
			`</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`),
		filePolicy: []byte(`{"Statement":[{"Action":["s3:GetObject"],"Effect":"Allow",` +
			`"Principal":{"AWS":["*"]},"Resource":["arn:aws:s3:::photos/*"]}],"Version":"2012-10-17"}`),
	}
}

func driftedFields(t *testing.T, b *miniov1alpha1.Bucket, m metadata) []string {
	t.Helper()

	d, err := drifted(b, m)
	if err != nil {
		t.Fatalf("drifted(...): %v", err)
	}

	return fieldsOf(d)
}

func fieldsOf(d drift) []string {
	fields := make([]string, 0, len(d))
	for _, s := range d {
		fields = append(fields, s.field)
	}

	return fields
}

var allFields = []string{"versioning", "retention", "quota", "lifecycle", "tags", "encryption", "anonymousAccess"}

// TestDrifted compares all settings at once with a bucket's metadata.
func TestDrifted(t *testing.T) {
	managed := []string{"anonymousAccess", "encryption", "lifecycle", "quota", "retention", "tags", "versioning"}
	suspended := []byte(`<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>`)

	cases := map[string]struct {
		reason   string
		spec     miniov1alpha1.BucketParameters
		managed  []string
		metadata metadata
		want     []string
	}{
		"Same": {
			reason: "Settings that mean the same have not drifted, however they are written.",
			spec:   parameters(), metadata: files(),
		},
		"Missing": {
			reason: "Settings that the bucket does not have are written.",
			spec:   parameters(), metadata: metadata{}, want: allFields,
		},
		"Unmanaged": {
			reason:   "Settings that the resource never set are left alone.",
			metadata: files(),
		},
		"Removed": {
			reason:  "Settings that were removed from the spec are undone, except versioning, which object locking needs.",
			managed: managed, metadata: files(), want: allFields[1:],
		},
		"Nothing": {
			reason: "Settings that the spec sets to nothing are removed, although the resource never set them.",
			spec:   nothing(), metadata: files(), want: []string{"quota", "lifecycle", "tags", "anonymousAccess"},
		},
		"AlreadyNothing": {
			reason: "A bucket without settings has all of none.",
			spec:   nothing(), managed: managed, metadata: metadata{},
		},
		"Suspended": {
			reason:  "Versioning that was removed from the spec is undone if the bucket has no object locking.",
			managed: managed, metadata: metadata{fileVersioning: files()[fileVersioning]}, want: []string{"versioning"},
		},
		"Undone": {
			reason:  "Settings that are undone already are not undone again.",
			managed: managed, metadata: metadata{fileVersioning: suspended},
		},
		"Locked": {
			reason:  "Versioning cannot be suspended in a bucket with object locking.",
			spec:    miniov1alpha1.BucketParameters{ObjectLocking: true},
			managed: []string{"versioning"}, metadata: files(),
		},
		"LockedAndAdopted": {
			reason:  "Versioning cannot be suspended either if the spec does not ask for object locking.",
			managed: []string{"versioning"}, metadata: files(),
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBucket()
			b.Spec.ForProvider = tc.spec
			b.Status.AtProvider.ManagedSettings = tc.managed

			if diff := cmp.Diff(tc.want, driftedFields(t, b, tc.metadata), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\ndrifted(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}

	spec := parameters()
	if diff := cmp.Diff(managed, wanted(&spec)); diff != "" {
		t.Errorf("wanted(...): -want, +got:\n%s", diff)
	}
}

// TestNothingIsStored expects that the provider's writes keep what a spec sets to nothing.
func TestNothingIsStored(t *testing.T) {
	encoded, err := json.Marshal(nothing())
	if err != nil {
		t.Fatal(err)
	}

	var decoded miniov1alpha1.BucketParameters
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"anonymousAccess", "lifecycle", "quota", "tags"}, wanted(&decoded)); diff != "" {
		t.Errorf("wanted(...) of %s: -want, +got:\n%s", encoded, diff)
	}

	encoded, err = json.Marshal(miniov1alpha1.BucketParameters{})
	if want := `{"objectLocking":false}`; err != nil || string(encoded) != want {
		t.Errorf("want nothing that is not set, got %s, %v", encoded, err)
	}
}

// TestDriftedFile changes one file of a bucket that has all desired settings.
func TestDriftedFile(t *testing.T) {
	cases := map[string]struct {
		reason   string
		file     string
		old, new string
		want     []string
	}{
		"Versioning": {
			reason: "Suspended versioning differs from enabled versioning.",
			file:   fileVersioning, old: "Enabled", new: "Suspended", want: []string{"versioning"},
		},
		"RetentionMode": {
			reason: "Another mode is drift.",
			file:   fileLocking, old: "GOVERNANCE", new: "COMPLIANCE", want: []string{"retention"},
		},
		"RetentionTime": {
			reason: "Another duration is drift.",
			file:   fileLocking, old: "<Days>30</Days>", new: "<Years>30</Years>", want: []string{"retention"},
		},
		"Quota": {
			reason: "Another size is drift.",
			file:   fileQuota, old: "10737418240", new: "10737418241", want: []string{"quota"},
		},
		"OldQuota": {
			reason: "Older releases keep the size under another name.",
			file:   fileQuota, old: `"size":10737418240`, new: `"size":0`,
		},
		"RuleDays": {
			reason: "Another number of days is drift.",
			file:   fileLifecycle, old: "<Days>90</Days>", new: "<Days>91</Days>", want: []string{"lifecycle"},
		},
		"RulePrefix": {
			reason: "Another prefix is drift.",
			file:   fileLifecycle, old: "tmp/", new: "temp/", want: []string{"lifecycle"},
		},
		"RuleDisabled": {
			reason: "A disabled rule differs from an enabled one.",
			file:   fileLifecycle, old: "<Status>Enabled</Status>", new: "<Status>Disabled</Status>", want: []string{"lifecycle"},
		},
		"RuleTransition": {
			reason: "A rule with another action differs from one without.",
			file:   fileLifecycle, old: "<ID>a</ID>",
			new:  "<ID>a</ID><Transition><Days>1</Days><StorageClass>COLD</StorageClass></Transition>",
			want: []string{"lifecycle"},
		},
		"RuleName": {
			reason: "The name of a rule has no meaning.",
			file:   fileLifecycle, old: "<ID>a</ID>", new: "<ID>z</ID>",
		},
		"TagValue": {
			reason: "Another value is drift.",
			file:   fileTags, old: "gold", new: "lead", want: []string{"tags"},
		},
		"EncryptionKey": {
			reason: "Another key is drift.",
			file:   fileEncryption, old: "photos", new: "videos", want: []string{"encryption"},
		},
		"EncryptionKeyForm": {
			reason: "A key means the same with and without the prefix.",
			file:   fileEncryption, old: "arn:aws:kms:", new: "",
		},
		"PolicyAction": {
			reason: "A policy that allows another action is drift.",
			file:   filePolicy, old: "s3:GetObject", new: "s3:PutObject", want: []string{"anonymousAccess"},
		},
		"PolicyForm": {
			reason: "A policy means the same in any valid form.",
			file:   filePolicy, old: `{"AWS":["*"]}`, new: `"*"`,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b, m := newBucket(), files()
			b.Spec.ForProvider = parameters()
			m[tc.file] = []byte(strings.ReplaceAll(string(m[tc.file]), tc.old, tc.new))

			if diff := cmp.Diff(tc.want, driftedFields(t, b, m), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\ndrifted(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// FuzzLifecycle expects any rules to mean the same before and after they are written to a
// server.
func FuzzLifecycle(f *testing.F) {
	f.Add("tmp/", int32(1), int32(0), "", int32(7), int32(7))
	f.Add("<&>\"'", int32(90), int32(30), "a b", int32(0), int32(1))

	f.Fuzz(func(t *testing.T, prefixA string, expireA, noncurrentA int32, prefixB string, expireB, noncurrentB int32) {
		rules := make([]miniov1alpha1.LifecycleRule, 0, 2)

		for _, r := range []struct {
			prefix             string
			expire, noncurrent int32
		}{{prefixA, expireA, noncurrentA}, {prefixB, expireB, noncurrentB}} {
			rule := miniov1alpha1.LifecycleRule{Prefix: strings.ToValidUTF8(clean(r.prefix), "")}
			if r.expire > 0 {
				rule.ExpireAfterDays = &r.expire
			}

			if r.noncurrent > 0 {
				rule.ExpireNoncurrentAfterDays = &r.noncurrent
			}

			rules = append(rules, rule)
		}

		want, _ := lifecycleRules.want(&miniov1alpha1.BucketParameters{Lifecycle: rules})

		got, err := lifecycleRules.have(lifecycleXML(t, rules))
		if err != nil || got != want {
			t.Errorf("want %q, got %q, %v", want, got, err)
		}
	})
}

// FuzzQuota expects any quantity to mean the same before and after it is written to a
// server.
func FuzzQuota(f *testing.F) {
	f.Add(int64(1))
	f.Add(int64(10 << 30))

	f.Fuzz(func(t *testing.T, bytes int64) {
		if bytes <= 0 {
			t.Skip()
		}

		q := resource.NewQuantity(bytes, resource.BinarySI)
		parsed := resource.MustParse(q.String())
		want, _ := quota.want(&miniov1alpha1.BucketParameters{Quota: &parsed})

		got, err := quota.have(quotaJSON(t, bytes))
		if err != nil || got != want {
			t.Errorf("want %s, got %s, %v", want, got, err)
		}
	})
}

// clean removes the characters from a text that XML cannot represent.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || r >= 0xFFFE {
			return -1
		}

		return r
	}, s)
}

func lifecycleXML(t *testing.T, rules []miniov1alpha1.LifecycleRule) []byte {
	t.Helper()

	b, err := xml.Marshal(lifecycle.Configuration{Rules: newRules(rules)})
	if err != nil {
		t.Fatal(err)
	}

	return b
}

func quotaJSON(t *testing.T, size int64) []byte {
	t.Helper()

	b, err := json.Marshal(madmin.BucketQuota{Size: uint64(size), Type: madmin.HardQuota})
	if err != nil {
		t.Fatal(err)
	}

	return b
}
