package minio

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDecodeUsage decodes answers that were recorded from servers: their own encoding
// counts, not that of the library which decodes.
func TestDecodeUsage(t *testing.T) {
	const account = `{"AccountName":"minioadmin","Server":{"Type":2,"GatewayOnline":false,"OnlineDisks":null,"StandardSCData":[2]},` +
		`"Policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["admin:*"]}]},"Buckets":`

	plain := `{"versioning":false,"versioningSuspended":false,"locking":false,"replication":false,"tags":null,"quota":{"quota":0,"size":0,"rate":0,"requests":0}}`
	tagged := `{"versioning":true,"versioningSuspended":false,"locking":true,"replication":false,` +
		`"tags":{"XMLName":{"Space":"","Local":"Tagging"},"TagSet":{}},` +
		`"quota":{"quota":1073741824,"size":1073741824,"rate":0,"requests":0,"quotatype":"hard"}}`

	bucket := func(name, usage, details string) string {
		return `{"name":"` + name + `",` + usage + `,"objectHistogram":null,"objectsVersionsHistogram":null,"details":` + details +
			`,"prefixUsage":null,"created":"2026-11-26T05:55:29.395957664Z","access":{"read":true,"write":true}}`
	}

	cases := map[string]struct {
		reason string
		answer string
		want   []BucketUsage
		err    bool
	}{
		"Plain": {
			reason: "RELEASE.2026-02-12: a bucket without tags.",
			answer: account + `[` + bucket("plain", `"size":5,"objects":1`, plain) + `]}`,
			want:   []BucketUsage{{Name: "plain", Size: 5, Objects: 1, Details: []byte(plain)}},
		},
		"Tags": {
			reason: "RELEASE.2026-02-12 encodes tags as an XML document's struct: the sizes of all buckets are known nevertheless.",
			answer: account + `[` + bucket("plain", `"size":5,"objects":1`, plain) + `,` + bucket("tagged", `"size":7,"objects":2`, tagged) + `]}`,
			want: []BucketUsage{
				{Name: "plain", Size: 5, Objects: 1, Details: []byte(plain)},
				{Name: "tagged", Size: 7, Objects: 2, Details: []byte(tagged)},
			},
		},
		"TagsOfNewerServers": {
			reason: "Newer libraries encode tags as a map.",
			answer: account + `[` + bucket("tagged", `"size":7,"objects":2`, `{"tags":{"team":"a"}}`) + `]}`,
			want:   []BucketUsage{{Name: "tagged", Size: 7, Objects: 2, Details: []byte(`{"tags":{"team":"a"}}`)}},
		},
		"None":      {reason: "A server may have no bucket.", answer: account + `null}`},
		"Truncated": {reason: "Half an answer is none.", answer: account + `[{"name":"pl`, err: true},
		"Page":      {reason: "A gateway's page is no answer.", answer: "<html>502 Bad Gateway</html>", err: true},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := decodeUsage(strings.NewReader(tc.answer))
			if (err != nil) != tc.err {
				t.Fatalf("%s: want an error: %t, got %v", tc.reason, tc.err, err)
			}

			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestQuota reads the quota from settings as servers wrote them, and from others.
func TestQuota(t *testing.T) {
	cases := map[string]struct {
		details string
		want    uint64
	}{
		"Set":     {details: `{"tags":{"TagSet":{}},"quota":{"quota":1073741824,"size":1073741824,"rate":0,"requests":0,"quotatype":"hard"}}`, want: 1 << 30},
		"Before":  {details: `{"quota":{"quota":1073741824,"quotatype":"hard"}}`, want: 1 << 30},
		"None":    {details: `{"tags":null,"quota":{"quota":0,"size":0,"rate":0,"requests":0}}`},
		"Null":    {details: `{"quota":null}`},
		"Other":   {details: `{"quota":"1Gi"}`},
		"Missing": {},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := (BucketUsage{Details: []byte(tc.details)}).Quota(); got != tc.want {
				t.Errorf("want a quota of %d, got %d", tc.want, got)
			}
		})
	}
}

// FuzzDecodeUsage wants no answer to crash the provider.
func FuzzDecodeUsage(f *testing.F) {
	f.Add(`{"Buckets":[{"name":"a","size":1,"objects":1,"details":{"tags":{"TagSet":{}}}}]}`)
	f.Fuzz(func(_ *testing.T, answer string) { _, _ = decodeUsage(strings.NewReader(answer)) })
}
