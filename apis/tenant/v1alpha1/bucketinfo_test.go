package v1alpha1

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// TestBucketInfoDocument checks the document byte by byte, because applications and
// their operators compare it as text.
func TestBucketInfoDocument(t *testing.T) {
	cases := map[string]struct {
		reason string
		s3     BucketInfoS3
		want   string
	}{
		"Complete": {
			reason: "All fields are written in COSI's order.",
			s3:     BucketInfoS3{Endpoint: "https://s3.example.org", Region: "eu-1", AccessKeyID: "ID", AccessSecretKey: "KEY"},
			want: `{"metadata":{"name":"bc-1","creationTimestamp":null},` +
				`"spec":{"bucketName":"bucket-2","authenticationType":"KEY",` +
				`"secretS3":{"endpoint":"https://s3.example.org","region":"eu-1","accessKeyID":"ID","accessSecretKey":"KEY"},` +
				`"secretAzure":null,"protocols":["s3"]}}`,
		},
		"NoRegion": {
			reason: "An empty region is written.",
			s3:     BucketInfoS3{Endpoint: "https://s3.example.org", AccessKeyID: "ID", AccessSecretKey: "KEY"},
			want: `{"metadata":{"name":"bc-1","creationTimestamp":null},` +
				`"spec":{"bucketName":"bucket-2","authenticationType":"KEY",` +
				`"secretS3":{"endpoint":"https://s3.example.org","region":"","accessKeyID":"ID","accessSecretKey":"KEY"},` +
				`"secretAzure":null,"protocols":["s3"]}}`,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := NewBucketInfo("bc-1", "bucket-2", tc.s3).Document()
			if err != nil {
				t.Fatalf("%s\nDocument(): %v", tc.reason, err)
			}

			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("%s\nDocument(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestBucketInfoIsRedacted(t *testing.T) {
	i := NewBucketInfo("bc-1", "bucket-2", BucketInfoS3{Endpoint: "https://s3.example.org", AccessKeyID: "ID", AccessSecretKey: "do-not-show-me"})

	if got := fmt.Sprintf("%v %+v %#v", i, i, i); strings.Contains(got, "do-not-show-me") {
		t.Errorf("the secret key is printed in %q", got)
	}
}

// FuzzBucketInfo encodes documents of any content: decoding one must return the same
// content.
func FuzzBucketInfo(f *testing.F) {
	f.Add("bc-1", "bucket-2", "https://s3.example.org", "eu-1", "ID", "KEY")
	f.Add(`"`, "\n", "</script>", "\u2028", `\`, "&")

	f.Fuzz(func(t *testing.T, access, bucket, endpoint, region, id, key string) {
		for _, s := range []string{access, bucket, endpoint, region, id, key} {
			if !utf8.ValidString(s) {
				t.Skip("JSON holds UTF-8 only")
			}
		}

		want := NewBucketInfo(access, bucket, BucketInfoS3{Endpoint: endpoint, Region: region, AccessKeyID: id, AccessSecretKey: key})

		doc, err := want.Document()
		if err != nil {
			t.Fatalf("Document(): %v", err)
		}

		var got BucketInfo
		if err := json.Unmarshal(doc, &got); err != nil {
			t.Fatalf("json.Unmarshal(%s): %v", doc, err)
		}

		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-written, +read:\n%s", diff)
		}
	})
}
