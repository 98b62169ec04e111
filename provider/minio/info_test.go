package minio

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recordedInfo is the answer of RELEASE.2026-02-12, shortened by fields that are not read.
const recordedInfo = `{"mode":"online","region":"eu-1","deploymentID":"95f8e8f6-97e4-4207-8c7d-df79559ec76b","buckets":{"count":0},` +
	`"usage":{"size":0},"services":{"kms":{},"ldap":{}},"backend":{"backendType":"Erasure","onlineDisks":1,"offlineDisks":0},` +
	`"servers":[{"state":"online","endpoint":"127.0.0.1:19911","uptime":3,"version":"2026-02-12T20:18:48Z","commitID":"DEVELOPMENT.GOGET",` +
	`"drives":[{"endpoint":"/data","path":"/data","state":"ok","uuid":"d6375705-14ac-49e4-afd2-a417ec8a3919","metrics":{}}],"poolNumber":1}]}`

func TestDecodeInfo(t *testing.T) {
	cases := map[string]struct {
		reason string
		answer string
		want   serverInfo
		err    bool
	}{
		"Recorded": {
			reason: "RELEASE.2026-02-12 with MINIO_SITE_REGION=eu-1.",
			answer: recordedInfo,
			want: serverInfo{
				Region: "eu-1", DeploymentID: "95f8e8f6-97e4-4207-8c7d-df79559ec76b",
				Servers: []serverNode{{Endpoint: "127.0.0.1:19911", Version: "2026-02-12T20:18:48Z"}},
			},
		},
		"NoRegion": {
			reason: "A server without a region leaves it out.",
			answer: `{"mode":"online","deploymentID":"1","servers":[{"state":"offline"}]}`,
			want:   serverInfo{DeploymentID: "1", Servers: []serverNode{{}}},
		},
		"RegionWithLines": {
			reason: "The region becomes a line of a file in which another line can name a program to run.",
			answer: `{"mode":"online","region":"eu-1\ncredential_process = sh","deploymentID":"1","servers":[]}`,
			err:    true,
		},
		"LongID": {
			reason: "The ID is stored in the status of the configuration.",
			answer: `{"mode":"online","deploymentID":"` + strings.Repeat("1", 1000) + `","servers":[]}`,
			err:    true,
		},
		"Page":  {reason: "A page is no answer.", answer: "<!doctype html>", err: true},
		"Empty": {reason: "Nothing is no answer.", err: true},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := decodeInfo([]byte(tc.answer))
			if (err != nil) != tc.err {
				t.Fatalf("%s\ndecodeInfo(...): want an error: %t, got %v", tc.reason, tc.err, err)
			}

			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\ndecodeInfo(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// FuzzDecodeInfo expects no answer to crash the provider.
func FuzzDecodeInfo(f *testing.F) {
	f.Add(200, recordedInfo)
	f.Add(403, `<Error><Code>AccessDenied</Code></Error>`)
	f.Fuzz(func(t *testing.T, status int, answer string) {
		_, _ = decodeInfo([]byte(answer))

		if err := decodeInfoError(status, []byte(answer)); err.Error() == "" {
			t.Error("want an error with a text")
		}
	})
}
