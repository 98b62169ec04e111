package user

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

var update = flag.Bool("update", false, "write the golden files testdata/*.json")

// grantsDocument returns the policy of a user with some grants and nothing else.
func grantsDocument(grants ...miniov1alpha1.Grant) ([]byte, error) {
	return policyDocument(miniov1alpha1.UserParameters{Grants: grants}, false)
}

func mustDocument(t testing.TB, grants ...miniov1alpha1.Grant) []byte {
	t.Helper()

	b, err := grantsDocument(grants...)
	if err != nil {
		t.Fatalf("policyDocument(%v): %v", grants, err)
	}

	return b
}

// TestPolicyDocument pins the whole policy of each kind of access: one more action is
// one more right. After an intended change, refresh the golden files with
//
//	go test -tags fips ./provider/user -run TestPolicyDocument -update
func TestPolicyDocument(t *testing.T) {
	grant := func(bucket string, a miniov1alpha1.Access) miniov1alpha1.Grant {
		return miniov1alpha1.Grant{BucketName: bucket, Access: a}
	}

	cases := map[string]struct {
		reason   string
		grants   []miniov1alpha1.Grant
		change   func(p *miniov1alpha1.UserParameters)
		inGroups bool
	}{
		"nothing": {reason: "Without grants the user has no access to any bucket."},
		"read-write": {reason: "ReadWrite allows listing, reading, writing and deleting objects.", grants: []miniov1alpha1.Grant{
			grant("photos", miniov1alpha1.AccessReadWrite),
		}},
		"read-only": {reason: "ReadOnly allows listing and reading objects.", grants: []miniov1alpha1.Grant{
			grant("photos", miniov1alpha1.AccessReadOnly),
		}},
		"write-only": {reason: "WriteOnly allows writing objects.", grants: []miniov1alpha1.Grant{
			grant("photos", miniov1alpha1.AccessWriteOnly),
		}},
		"unknown": {reason: "An access that this version does not know allows nothing.", grants: []miniov1alpha1.Grant{
			grant("photos", "Everything"),
		}},
		"prefix": {reason: "With a prefix, ReadWrite covers only objects below it.", grants: []miniov1alpha1.Grant{
			{BucketName: "photos", Prefix: "2026/", Access: miniov1alpha1.AccessReadWrite},
		}},
		"prefix-write-only": {reason: "With a prefix, WriteOnly covers only objects below it.", grants: []miniov1alpha1.Grant{
			{BucketName: "photos", Prefix: "in/", Access: miniov1alpha1.AccessWriteOnly},
		}},
		"several": {reason: "A repeated grant is written once.", grants: []miniov1alpha1.Grant{
			grant("photos", miniov1alpha1.AccessReadOnly),
			grant("videos", miniov1alpha1.AccessWriteOnly),
			grant("photos", miniov1alpha1.AccessReadOnly),
		}},
		"prefix-read-only": {reason: "With a prefix, ReadOnly reads no settings of the bucket.", grants: []miniov1alpha1.Grant{
			{BucketName: "photos", Prefix: "out/", Access: miniov1alpha1.AccessReadOnly},
		}},
		"signed-uploads": {
			reason: "Unsigned uploads can be denied.",
			grants: []miniov1alpha1.Grant{grant("photos", miniov1alpha1.AccessWriteOnly)},
			change: func(p *miniov1alpha1.UserParameters) { p.DenyUnsignedUploads = true },
		},
		"checked-uploads": {
			reason: "Uploads by form and of archives can be denied, in all buckets and below all prefixes.",
			grants: []miniov1alpha1.Grant{
				grant("photos", miniov1alpha1.AccessWriteOnly),
				{BucketName: "videos", Prefix: "in/", Access: miniov1alpha1.AccessWriteOnly},
			},
			change: func(p *miniov1alpha1.UserParameters) { p.DenyUncheckedUploads = true },
		},
		"policies": {
			reason: "A further policy may allow administration, but never keys of the user's own.",
			change: func(p *miniov1alpha1.UserParameters) {
				p.Policies = []miniov1alpha1.PolicyAttachment{{PolicyName: "diagnostics"}}
			},
		},
		"groups": {reason: "So may a policy of a group.", inGroups: true},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			params := miniov1alpha1.UserParameters{Grants: tc.grants}
			if tc.change != nil {
				tc.change(&params)
			}

			document, err := policyDocument(params, tc.inGroups)
			if err != nil {
				t.Fatal(err)
			}

			if err := minio.CheckPolicy(document); err != nil {
				t.Errorf("%s\nwant a policy that the server accepts: %v", tc.reason, err)
			}

			var got bytes.Buffer
			if err := json.Indent(&got, document, "", "  "); err != nil {
				t.Fatal(err)
			}

			golden := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}

			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s\npolicyDocument(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestGrantsRejectNames wants an error for names that a policy could read as more than
// one bucket, or as part of the policy itself.
func TestGrantsRejectNames(t *testing.T) {
	for _, name := range []string{"", "*", "photos*", "pho?os", "${aws:username}", "../photos", "photos/x", `x","y`, "Photos"} {
		if _, err := grantsDocument(miniov1alpha1.Grant{BucketName: name, Access: miniov1alpha1.AccessReadOnly}); err == nil {
			t.Errorf("policyDocument(%q): want an error", name)
		}
	}
}

// TestGrantsRejectPrefixes wants an error for prefixes that a policy could read as a
// pattern or a variable.
func TestGrantsRejectPrefixes(t *testing.T) {
	for _, prefix := range []string{"*", "a/*", "a?", "${aws:username}/", `a\b`} {
		if _, err := grantsDocument(miniov1alpha1.Grant{BucketName: "photos", Prefix: prefix, Access: miniov1alpha1.AccessReadOnly}); err == nil {
			t.Errorf("policyDocument(%q): want an error", prefix)
		}
	}
}

// TestSamePolicy compares the policy of a grant with documents that may mean the same.
func TestSamePolicy(t *testing.T) {
	own := mustDocument(t, miniov1alpha1.Grant{BucketName: "photos", Access: miniov1alpha1.AccessWriteOnly})
	replaced := func(old, with string) string { return strings.ReplaceAll(string(own), old, with) }

	cases := map[string]struct {
		reason   string
		document string
		want     bool
	}{
		"Same":      {reason: "A document means the same as itself.", document: string(own), want: true},
		"Reordered": {reason: "The order of actions has no meaning.", document: reversed(t, own), want: true},
		"Moved":     {reason: "Another bucket changes the meaning.", document: replaced("photos", "others")},
		"Allowed":   {reason: "Allow does not mean Deny.", document: replaced("Deny", "Allow")},
		"Widened": {
			reason:   "Another action changes the meaning.",
			document: replaced(`"s3:PutObject"`, `"s3:PutObject","s3:GetObject"`),
		},
		"Condition": {
			reason:   "A condition changes the meaning.",
			document: replaced(`"Effect":"Deny"`, `"Effect":"Deny","Condition":{"Bool":{"aws:SecureTransport":"false"}}`),
		},
		"Invalid": {reason: "A document that is not a policy differs from one.", document: `{"Statement":"x"}`},
		"Empty":   {reason: "An empty document differs from a policy.", document: ``},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := minio.SamePolicy(own, []byte(tc.document)); got != tc.want {
				t.Errorf("%s\nSamePolicy(%s): want %t, got %t", tc.reason, tc.document, tc.want, got)
			}
		})
	}
}

// reversed returns a policy document with the actions of each statement in reverse
// order.
func reversed(t *testing.T, document []byte) string {
	t.Helper()

	p := iamPolicy{}
	if err := json.Unmarshal(document, &p); err != nil {
		t.Fatal(err)
	}

	for _, s := range p.Statement {
		slices.Reverse(s.Action)
	}

	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}

	return string(b)
}

// FuzzPolicy wants an error for each bucket name and prefix, or a policy that allows
// access to them alone.
func FuzzPolicy(f *testing.F) {
	f.Add("photos", "", "ReadWrite")
	f.Add("photos", "a/b\"c", "ReadOnly")
	f.Add(`x","s3:::*`, "${aws:username}/", "ReadOnly")
	f.Add("photos", "../", "WriteOnly")
	f.Add("\xff", "\xff", "")

	f.Fuzz(func(t *testing.T, bucket, prefix, access string) {
		grant := miniov1alpha1.Grant{BucketName: bucket, Prefix: prefix, Access: miniov1alpha1.Access(access)}

		p, err := userPolicy(miniov1alpha1.UserParameters{Grants: []miniov1alpha1.Grant{grant}}, false)
		if err != nil {
			return
		}

		if b := mustDocument(t, grant); utf8.ValidString(prefix) && minio.CheckPolicy(b) != nil {
			t.Fatalf("want a policy that the server accepts, got %v: %s", minio.CheckPolicy(b), b)
		}

		if strings.ContainsAny(bucket+prefix, patternChars) || strings.Contains(bucket, "/") {
			t.Fatalf("want an error for bucket %q and prefix %q", bucket, prefix)
		}

		arn := "arn:aws:s3:::" + bucket
		for _, s := range p.Statement[1:] {
			if r := s.Resource[0]; r != arn && r != arn+"/"+prefix+"*" {
				t.Fatalf("want only resources of bucket %q and prefix %q, got %q", bucket, prefix, r)
			}
		}
	})
}
