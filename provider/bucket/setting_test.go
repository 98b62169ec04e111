package bucket

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/api/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// parameters sets every setting.
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

// files are those settings as a server keeps them, in its own order and form.
func files() settings {
	return settings{
		fileVersioning: []byte(`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`),
		fileLocking:    []byte(`<ObjectLockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>`),
		fileQuota:      []byte(`{"quota":10737418240,"size":10737418240,"rate":0,"requests":0,"quotatype":"hard"}`),
		fileLifecycle: []byte(`<LifecycleConfiguration><Rule><ID>b</ID><Status>Enabled</Status><Filter><Prefix>tmp/</Prefix></Filter><Expiration><Days>1</Days></Expiration>` +
			`<NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays></NoncurrentVersionExpiration></Rule>` +
			`<Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><Expiration><Days>90</Days></Expiration></Rule><ExpiryUpdatedAt>2026-01-01T00:00:00Z</ExpiryUpdatedAt></LifecycleConfiguration>`),
		fileTags:       []byte(`<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>tier</Key><Value>gold</Value></Tag><Tag><Key>team</Key><Value>a b</Value></Tag></TagSet></Tagging>`),
		fileEncryption: []byte(`<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ApplyServerSideEncryptionByDefault><KMSMasterKeyID>arn:aws:kms:photos</KMSMasterKeyID><SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`),
		filePolicy:     []byte(`{"Statement":[{"Action":["s3:GetObject"],"Effect":"Allow","Principal":{"AWS":["*"]},"Resource":["arn:aws:s3:::photos/*"]}],"Version":"2012-10-17"}`),
	}
}

func amissFields(t *testing.T, b *miniov1alpha1.Bucket, s settings) []string {
	t.Helper()

	amiss, err := differences(b, s)
	if err != nil {
		t.Fatalf("differences(...): %v", err)
	}

	fields := make([]string, 0, len(amiss))
	for _, a := range amiss {
		fields = append(fields, a.field)
	}

	return fields
}

var allFields = []string{"versioning", "retention", "quota", "lifecycle", "tags", "encryption", "anonymousAccess"}

// TestDifferences compares all settings at once with what a server has.
func TestDifferences(t *testing.T) {
	managed := []string{"anonymousAccess", "encryption", "lifecycle", "quota", "retention", "tags", "versioning"}

	cases := map[string]struct {
		reason  string
		spec    miniov1alpha1.BucketParameters
		managed []string
		has     settings
		want    []string
	}{
		"Same":      {reason: "What means the same is left alone, however it is written.", spec: parameters(), has: files()},
		"Missing":   {reason: "What the server does not have is written.", spec: parameters(), has: settings{}, want: allFields},
		"Unmanaged": {reason: "What the resource never set is left alone.", has: files()},
		"Removed":   {reason: "What the resource has set, and no longer does, is undone.", managed: managed, has: files(), want: allFields[1:]},
		"Suspended": {reason: "Versioning cannot be undone, only suspended.", managed: managed, has: settings{fileVersioning: files()[fileVersioning]}, want: []string{"versioning"}},
		"Undone":    {reason: "What is undone is not undone again.", managed: managed, has: settings{fileVersioning: []byte(`<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>`)}},
		"Locked": {
			reason: "Versioning cannot be suspended where objects can be locked.", spec: miniov1alpha1.BucketParameters{ObjectLocking: true},
			managed: []string{"versioning"}, has: files(),
		},
		"LockedAndAdopted": {
			reason:  "Also where the resource does not ask for locking.",
			managed: []string{"versioning"}, has: files(),
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBucket()
			b.Spec.ForProvider = tc.spec
			b.Status.AtProvider.ManagedSettings = tc.managed

			if diff := cmp.Diff(tc.want, amissFields(t, b, tc.has), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\ndifferences(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}

	spec := parameters()
	if diff := cmp.Diff(managed, wanted(&spec)); diff != "" {
		t.Errorf("wanted(...): -want, +got:\n%s", diff)
	}
}

// TestDrift lets a server have each setting in another way.
func TestDrift(t *testing.T) {
	cases := map[string]struct {
		reason   string
		file     string
		old, new string
		want     []string
	}{
		"Versioning":        {reason: "Suspended is not Enabled.", file: fileVersioning, old: "Enabled", new: "Suspended", want: []string{"versioning"}},
		"RetentionMode":     {reason: "The mode counts.", file: fileLocking, old: "GOVERNANCE", new: "COMPLIANCE", want: []string{"retention"}},
		"RetentionTime":     {reason: "The time counts.", file: fileLocking, old: "<Days>30</Days>", new: "<Years>30</Years>", want: []string{"retention"}},
		"Quota":             {reason: "The size counts.", file: fileQuota, old: "10737418240", new: "10737418241", want: []string{"quota"}},
		"OldQuota":          {reason: "Old servers keep the size under another name.", file: fileQuota, old: `"size":10737418240`, new: `"size":0`},
		"RuleDays":          {reason: "The days count.", file: fileLifecycle, old: "<Days>90</Days>", new: "<Days>91</Days>", want: []string{"lifecycle"}},
		"RulePrefix":        {reason: "The prefix counts.", file: fileLifecycle, old: "tmp/", new: "temp/", want: []string{"lifecycle"}},
		"RuleDisabled":      {reason: "A rule that is off is none.", file: fileLifecycle, old: "<Status>Enabled</Status>", new: "<Status>Disabled</Status>", want: []string{"lifecycle"}},
		"RuleTransition":    {reason: "A rule that does more is another rule.", file: fileLifecycle, old: "<ID>a</ID>", new: "<ID>a</ID><Transition><Days>1</Days><StorageClass>COLD</StorageClass></Transition>", want: []string{"lifecycle"}},
		"RuleName":          {reason: "The name of a rule means nothing.", file: fileLifecycle, old: "<ID>a</ID>", new: "<ID>z</ID>"},
		"TagValue":          {reason: "The value counts.", file: fileTags, old: "gold", new: "lead", want: []string{"tags"}},
		"EncryptionKey":     {reason: "The key counts.", file: fileEncryption, old: "photos", new: "videos", want: []string{"encryption"}},
		"EncryptionKeyForm": {reason: "How the key is written does not.", file: fileEncryption, old: "arn:aws:kms:", new: ""},
		"PolicyAction":      {reason: "Another action is another access.", file: filePolicy, old: "s3:GetObject", new: "s3:PutObject", want: []string{"anonymousAccess"}},
		"PolicyForm":        {reason: "How the policy is written does not matter.", file: filePolicy, old: `{"AWS":["*"]}`, new: `"*"`},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b, has := newBucket(), files()
			b.Spec.ForProvider = parameters()
			has[tc.file] = []byte(strings.ReplaceAll(string(has[tc.file]), tc.old, tc.new))

			if diff := cmp.Diff(tc.want, amissFields(t, b, has), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\ndifferences(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// export makes the archive that a server answers with.
func export(t testing.TB, bucket string, s settings) []byte {
	t.Helper()

	var b bytes.Buffer

	w := zip.NewWriter(&b)

	for name, content := range s {
		f, err := w.Create(bucket + "/" + name)
		if err == nil {
			_, err = f.Write(content)
		}

		if err != nil {
			t.Fatal(err)
		}
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return b.Bytes()
}

func TestParseExport(t *testing.T) {
	got, err := minio.ParseExport(export(t, "photos", files()), isSetting)
	if err != nil {
		t.Fatalf("ParseExport(...): %v", err)
	}

	if diff := cmp.Diff(map[string]minio.BucketFiles{"photos": minio.BucketFiles(files())}, got); diff != "" {
		t.Errorf("ParseExport(...): -want, +got:\n%s", diff)
	}

	got, err = minio.ParseExport(export(t, "photos", settings{"other.xml": []byte("a")}), isSetting)
	if diff := cmp.Diff(map[string]minio.BucketFiles{"photos": {}}, got); diff != "" || err != nil {
		t.Errorf("ParseExport(...): want what is no setting to be passed over: %v, -want, +got:\n%s", err, diff)
	}

	if _, err := minio.ParseExport([]byte("nonsense"), isSetting); err == nil {
		t.Error("ParseExport(...): want an error")
	}
}

// FuzzSettings feeds what a server may answer: it is understood or an error, and
// what is understood is compared.
func FuzzSettings(f *testing.F) {
	for name, content := range files() {
		f.Add(name, content)
	}

	f.Add("archive", export(f, "photos", files()))

	f.Fuzz(func(_ *testing.T, name string, content []byte) {
		b := newBucket()
		b.Spec.ForProvider = parameters()
		_, _ = differences(b, settings{name: content})
		_, _ = minio.ParseExport(content, isSetting)
		_ = settings{name: content}.locking()
	})
}

// FuzzLifecycle wants any rules to mean the same before and after a server has
// kept them.
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

// FuzzQuota wants any quantity to mean the same before and after a server has
// kept it.
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
