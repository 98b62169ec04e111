package demo

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTranscript(t *testing.T) {
	const bucket = "bucket-cd738d24-33cf-4d45-bc83-00d9aa44072e"

	cases := map[string]struct {
		reason string
		output string
		want   string
	}{
		"Text": {
			reason: "Text that does not change should stay.",
			output: "\n1. A tenant claims a bucket\n\n   $ kubectl get bucket\n",
			want:   "\n1. A tenant claims a bucket\n\n   $ kubectl get bucket\n",
		},
		"Duration": {
			reason: "What a step took should be left out.",
			output: "   ✓ read it back                                                0.01 s\n",
			want:   "   ✓ read it back\n",
		},
		"Age": {
			reason: "The age of an object should be the same in each transcript.",
			output: "     bucket-backup-prod   Opaque   1      12s\n     bucket-other   Opaque   1      2m5s\n",
			want:   "     bucket-backup-prod   Opaque   1      1s\n     bucket-other   Opaque   1      1s\n",
		},
		"Names": {
			reason: "Each name should become a number of the same length, wherever it occurs.",
			output: bucket + " tenant-x7k2p\n" + bucket + " tenant-b2c3d tenant-x7k2p\n",
			want: "bucket-00000000-0000-0000-0000-000000000001 tenant-00001\n" +
				"bucket-00000000-0000-0000-0000-000000000001 tenant-00002 tenant-00001\n",
		},
		"Keys": {
			reason: "A secret key should be replaced wherever it occurs, and so should access keys.",
			output: `"accessKeyID": "CSTNABCDEFGHIJKLMNOP",` + "\n" +
				`"accessSecretKey": "0123456789abcdefghijABCDEFGHIJ0123456789"` + "\n" +
				"CSTNABCDEFGHIJKLMNOP\n0123456789abcdefghijABCDEFGHIJ0123456789\nCSTN234567ABCDEFGHIJ\n",
			want: `"accessKeyID": "CSTNACCESSKEY0000001",` + "\n" +
				`"accessSecretKey": "secret-access-key-of-40-characters-00001"` + "\n" +
				"CSTNACCESSKEY0000001\nsecret-access-key-of-40-characters-00001\nCSTNACCESSKEY0000002\n",
		},
		"Times": {
			reason: "Every time should be the same.",
			output: "createdAt: \"2026-11-26T05:58:29Z\"\n",
			want:   "createdAt: \"2026-01-01T00:00:00Z\"\n",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(transcriptHead+tc.want, Transcript(tc.output)); diff != "" {
				t.Errorf("%s\nTranscript(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
