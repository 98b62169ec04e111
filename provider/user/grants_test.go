package user

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

var update = flag.Bool("update", false, "write the policies to testdata/*.json")

func mustPolicy(t testing.TB, grants ...miniov1alpha1.Grant) policy {
	t.Helper()

	p, err := newPolicy(grants)
	if err != nil {
		t.Fatalf("newPolicy(%v): %v", grants, err)
	}

	return p
}

func mustDocument(t testing.TB, grants ...miniov1alpha1.Grant) []byte {
	t.Helper()

	b, err := mustPolicy(t, grants...).document()
	if err != nil {
		t.Fatalf("document(): %v", err)
	}

	return b
}

// TestPolicyDocument pins what each kind of access allows, to the letter: a word
// more is a right more. After a wanted change, refresh with
//
//	go test -tags fips ./provider/user -run TestPolicyDocument -update
func TestPolicyDocument(t *testing.T) {
	grant := func(bucket string, a miniov1alpha1.Access) miniov1alpha1.Grant {
		return miniov1alpha1.Grant{BucketName: bucket, Access: a}
	}

	cases := map[string]struct {
		reason string
		grants []miniov1alpha1.Grant
	}{
		"nothing":    {reason: "Without grants nothing is allowed."},
		"read-write": {reason: "Objects may be listed, read, written and deleted.", grants: []miniov1alpha1.Grant{grant("photos", miniov1alpha1.AccessReadWrite)}},
		"read-only":  {reason: "Objects may be listed and read.", grants: []miniov1alpha1.Grant{grant("photos", miniov1alpha1.AccessReadOnly)}},
		"write-only": {reason: "Objects may be written.", grants: []miniov1alpha1.Grant{grant("photos", miniov1alpha1.AccessWriteOnly)}},
		"unknown":    {reason: "Access that this version does not know allows nothing.", grants: []miniov1alpha1.Grant{grant("photos", "Everything")}},
		"prefix": {reason: "Objects may be listed, read, written and deleted below a prefix.", grants: []miniov1alpha1.Grant{
			{BucketName: "photos", Prefix: "2026/", Access: miniov1alpha1.AccessReadWrite},
		}},
		"prefix-write-only": {reason: "Objects may be written below a prefix.", grants: []miniov1alpha1.Grant{
			{BucketName: "photos", Prefix: "in/", Access: miniov1alpha1.AccessWriteOnly},
		}},
		"several": {reason: "Each grant counts once.", grants: []miniov1alpha1.Grant{
			grant("photos", miniov1alpha1.AccessReadOnly), grant("videos", miniov1alpha1.AccessWriteOnly), grant("photos", miniov1alpha1.AccessReadOnly),
		}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := json.Indent(&got, mustDocument(t, tc.grants...), "", "  "); err != nil {
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
				t.Errorf("%s\nnewPolicy(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPolicyRefusesNames(t *testing.T) {
	for _, name := range []string{"", "*", "photos*", "pho?os", "${aws:username}", "../photos", "photos/x", `x","y`, "Photos"} {
		if _, err := newPolicy([]miniov1alpha1.Grant{{BucketName: name, Access: miniov1alpha1.AccessReadOnly}}); err == nil {
			t.Errorf("newPolicy(%q): want an error", name)
		}
	}
}

func TestPolicyRefusesPrefixes(t *testing.T) {
	for _, prefix := range []string{"*", "a/*", "a?", "${aws:username}/", `a\b`} {
		if _, err := newPolicy([]miniov1alpha1.Grant{{BucketName: "photos", Prefix: prefix, Access: miniov1alpha1.AccessReadOnly}}); err == nil {
			t.Errorf("newPolicy(%q): want an error", prefix)
		}
	}
}

func TestPolicyMeans(t *testing.T) {
	p := mustPolicy(t, miniov1alpha1.Grant{BucketName: "photos", Access: miniov1alpha1.AccessWriteOnly})
	own := mustDocument(t, miniov1alpha1.Grant{BucketName: "photos", Access: miniov1alpha1.AccessWriteOnly})

	cases := map[string]struct {
		reason   string
		document string
		want     bool
	}{
		"Same":      {reason: "A document means the same as itself.", document: string(own), want: true},
		"Reordered": {reason: "The order of actions means nothing.", document: reorder(t, p), want: true},
		"Widened":   {reason: "Another action is another meaning.", document: strings.Replace(string(own), `"s3:PutObject"`, `"s3:PutObject","s3:GetObject"`, 1)},
		"Moved":     {reason: "Another bucket is another meaning.", document: strings.ReplaceAll(string(own), "photos", "others")},
		"Allowed":   {reason: "Allow is not Deny.", document: strings.Replace(string(own), "Deny", "Allow", 1)},
		"Condition": {reason: "A condition is another meaning.", document: strings.Replace(string(own), `"Effect":"Deny"`, `"Effect":"Deny","Condition":{"Bool":{"aws:SecureTransport":"false"}}`, 1)},
		"Strange":   {reason: "A document in a form of its own was not written here.", document: `{"Statement":"x"}`},
		"Empty":     {reason: "Nothing means something else.", document: ``},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := minio.SamePolicy(own, []byte(tc.document)); got != tc.want {
				t.Errorf("%s\nSamePolicy(%s): want %t, got %t", tc.reason, tc.document, tc.want, got)
			}
		})
	}
}

// reorder returns a policy's document with the actions of each statement the
// other way round.
func reorder(t *testing.T, p policy) string {
	t.Helper()

	other := policy{Version: p.Version}

	for _, s := range p.Statement {
		s.Action = append([]string{}, s.Action...)
		for i, j := 0, len(s.Action)-1; i < j; i, j = i+1, j-1 {
			s.Action[i], s.Action[j] = s.Action[j], s.Action[i]
		}

		other.Statement = append(other.Statement, s)
	}

	b, err := json.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}

	return string(b)
}

// FuzzPolicy renders policies of any bucket name and prefix: they are refused, or
// the policy speaks of them and of nothing else.
func FuzzPolicy(f *testing.F) {
	f.Add("photos", "", "ReadWrite")
	f.Add("photos", "a/b\"c", "ReadOnly")
	f.Add(`x","s3:::*`, "${aws:username}/", "ReadOnly")
	f.Add("photos", "../", "WriteOnly")
	f.Add("\xff", "\xff", "")

	f.Fuzz(func(t *testing.T, bucket, prefix, access string) {
		p, err := newPolicy([]miniov1alpha1.Grant{{BucketName: bucket, Prefix: prefix, Access: miniov1alpha1.Access(access)}})
		if err != nil {
			return
		}

		b, err := p.document()
		if err != nil {
			t.Fatalf("document(): %v", err)
		}

		if err := minio.CheckPolicy(b); utf8.ValidString(prefix) && err != nil {
			t.Fatalf("the server would not take it: %v: %s", err, b)
		}

		for _, s := range p.Statement[1:] {
			if r := s.Resource[0]; r != "arn:aws:s3:::"+bucket && r != "arn:aws:s3:::"+bucket+"/"+prefix+"*" || strings.ContainsAny(bucket+prefix, `*?$\`) || strings.Contains(bucket, "/") {
				t.Fatalf("resource %q is not of bucket %q and prefix %q alone", r, bucket, prefix)
			}
		}
	})
}
