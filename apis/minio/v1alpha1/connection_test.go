package v1alpha1

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files testdata/connection/*.txt")

// TestConnectionDetails pins every format of a connection Secret.
func TestConnectionDetails(t *testing.T) {
	cases := map[string]struct {
		reason string
		c      Connection
	}{
		"Bucket": {
			reason: "A user with a bucket gets every format.",
			c: Connection{
				Endpoint: "https://s3.example.org", Region: "eu-1", AccessKeyID: "AKID", SecretAccessKey: "SECRET", BucketName: "photos",
			},
		},
		"NoBucket": {
			reason: "Without a grant no bucket is named, and s3cmd is configured without TLS.",
			c:      Connection{Endpoint: "http://minio:9000", AccessKeyID: "AKID", SecretAccessKey: "SECRET"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder

			d := tc.c.Details()
			for _, k := range slices.Sorted(maps.Keys(d)) {
				fmt.Fprintf(&got, "%s:\n  %s\n", k, strings.ReplaceAll(strings.TrimSpace(string(d[k])), "\n", "\n  "))
			}

			file := filepath.Join("testdata", "connection", strings.ToLower(name)+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}

			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s\nDetails(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// FuzzConnectionDetails wants each value without a line break to stay within its line
// of a file, and each file to hold the secret key.
func FuzzConnectionDetails(f *testing.F) {
	f.Add("https://s3.example.org", "eu-1", "AKID", "SECRET", "photos")
	f.Add("://", "", "[default]", "a = b", "%s")
	f.Add("http://[::1]:9000/", "#", ";", "\"", "'")

	f.Fuzz(func(t *testing.T, endpoint, region, accessKey, secretKey, bucket string) {
		for _, s := range []string{endpoint, region, accessKey, secretKey, bucket} {
			if strings.ContainsAny(s, "\r\n") {
				t.Skip()
			}
		}

		d := Connection{Endpoint: endpoint, Region: region, AccessKeyID: accessKey, SecretAccessKey: secretKey, BucketName: bucket}.Details()

		for file, lines := range map[string]int{
			ConnectionKeyAWSFile: 3, ConnectionKeyVeleroFile: 3, ConnectionKeyRcloneFile: 8, ConnectionKeyS3cmdFile: 7,
		} {
			if got := strings.Count(string(d[file]), "\n"); got > lines {
				t.Errorf("%s: want at most %d lines, got %d:\n%s", file, lines, got, d[file])
			}

			if secretKey != "" && !strings.Contains(string(d[file]), " = "+secretKey+"\n") {
				t.Errorf("%s: want the secret key in it", file)
			}
		}

		if _, ok := d[ConnectionKeyBucketName]; ok != (bucket != "") {
			t.Errorf("%s: want it with a bucket only, got it: %t", ConnectionKeyBucketName, ok)
		}
	})
}
