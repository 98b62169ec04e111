package user

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

func TestPolicyDeniesNewAccessKeys(t *testing.T) {
	for _, grants := range [][]v1alpha1.Grant{nil, {{BucketName: "photos", Access: v1alpha1.AccessReadWrite}}} {
		want := statement{Effect: "Deny", Action: []string{"admin:CreateServiceAccount"}}
		if diff := cmp.Diff(want, newPolicy(grants).Statement[0]); diff != "" {
			t.Errorf("newPolicy(%v): -want first statement, +got:\n%s", grants, diff)
		}
	}
}

func TestPolicyAllows(t *testing.T) {
	cases := map[string]struct {
		reason  string
		access  v1alpha1.Access
		allowed []string
		refused []string
	}{
		"ReadWrite": {
			reason:  "Reading, writing and deleting objects is allowed.",
			access:  v1alpha1.AccessReadWrite,
			allowed: []string{"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
			refused: []string{"s3:PutBucketPolicy", "s3:DeleteBucket", "s3:BypassGovernanceRetention", "s3:PutBucketVersioning", "s3:*"},
		},
		"ReadOnly": {
			reason:  "Reading is allowed, changing anything is not.",
			access:  v1alpha1.AccessReadOnly,
			allowed: []string{"s3:ListBucket", "s3:GetObject"},
			refused: []string{"s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging", "s3:PutObjectRetention"},
		},
		"WriteOnly": {
			reason:  "Writing is allowed, looking is not.",
			access:  v1alpha1.AccessWriteOnly,
			allowed: []string{"s3:PutObject", "s3:AbortMultipartUpload"},
			refused: []string{"s3:ListBucket", "s3:GetObject", "s3:DeleteObject"},
		},
		"Unknown": {
			reason:  "Access that this version does not know allows nothing.",
			access:  "Everything",
			refused: []string{"s3:ListBucket", "s3:GetObject", "s3:PutObject"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			actions := map[string]bool{}

			for _, s := range newPolicy([]v1alpha1.Grant{{BucketName: "photos", Access: tc.access}}).Statement[1:] {
				for _, r := range s.Resource {
					if r != "arn:aws:s3:::photos" && r != "arn:aws:s3:::photos/*" {
						t.Errorf("%s\nstatement on %q", tc.reason, r)
					}
				}

				for _, a := range s.Action {
					actions[a] = true
				}
			}

			for _, a := range tc.allowed {
				if !actions[a] {
					t.Errorf("%s\n%s is not allowed", tc.reason, a)
				}
			}

			for _, a := range tc.refused {
				if actions[a] {
					t.Errorf("%s\n%s is allowed", tc.reason, a)
				}
			}
		})
	}
}

func TestPolicyMeans(t *testing.T) {
	p := newPolicy([]v1alpha1.Grant{{BucketName: "photos", Access: v1alpha1.AccessWriteOnly}})

	own, err := p.document()
	if err != nil {
		t.Fatal(err)
	}

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
		"Strange":   {reason: "A document in a form of its own was not written here.", document: `{"Statement":"x"}`},
		"Empty":     {reason: "Nothing means something else.", document: ``},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := p.means([]byte(tc.document)); got != tc.want {
				t.Errorf("%s\nmeans(%s): want %t, got %t", tc.reason, tc.document, tc.want, got)
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

// FuzzPolicy renders policies of any bucket name: the result must be JSON, mean
// what it says, and never speak of anything but that bucket.
func FuzzPolicy(f *testing.F) {
	f.Add("photos", "ReadWrite")
	f.Add(`x","s3:::*`, "ReadOnly")
	f.Add("${aws:username}", "WriteOnly")
	f.Add("\xff", "")

	f.Fuzz(func(t *testing.T, bucket, access string) {
		p := newPolicy([]v1alpha1.Grant{{BucketName: bucket, Access: v1alpha1.Access(access)}})

		b, err := p.document()
		if err != nil {
			t.Fatalf("document(): %v", err)
		}

		var back policy
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("document() is no JSON: %v", err)
		}

		if len(back.Statement) != len(p.Statement) {
			t.Fatalf("bucket %q adds statements: %s", bucket, b)
		}

		for _, s := range back.Statement[1:] {
			for _, r := range s.Resource {
				if want := "arn:aws:s3:::" + strings.ToValidUTF8(bucket, "\ufffd"); len(bucket) == len([]rune(bucket)) && !strings.HasPrefix(r, want) {
					t.Fatalf("resource %q is not of bucket %q", r, bucket)
				}
			}
		}
	})
}

// FuzzPolicyMeans feeds what a server may hold.
func FuzzPolicyMeans(f *testing.F) {
	p := newPolicy([]v1alpha1.Grant{{BucketName: "photos", Access: v1alpha1.AccessReadWrite}})

	own, err := p.document()
	if err != nil {
		f.Fatal(err)
	}

	f.Add(own)
	f.Add([]byte(`{"Statement":[{"Effect":"Deny","Action":["admin:*"]}]}`))
	f.Fuzz(func(_ *testing.T, document []byte) { p.means(document) })
}
