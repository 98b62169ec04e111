package minio

import (
	"strings"
	"testing"
)

const readPhotos = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
	"Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]}]}`

func TestSamePolicy(t *testing.T) {
	cases := map[string]struct {
		reason string
		other  string
		want   bool
	}{
		"Same": {
			reason: "A document means the same as itself.",
			other:  readPhotos,
			want:   true,
		},
		"Spaces": {
			reason: "White space has no meaning.",
			other:  " \n" + readPhotos,
			want:   true,
		},
		"Reordered": {
			reason: "Actions and resources are sets.",
			other: `{"Version":"2012-10-17","Statement":[{"Action":["s3:ListBucket","s3:GetObject"],"Effect":"Allow",
				"Resource":["arn:aws:s3:::photos/*","arn:aws:s3:::photos"]}]}`,
			want: true,
		},
		"Widened": {
			reason: "Another action changes the meaning.",
			other:  strings.Replace(readPhotos, `"s3:ListBucket"`, `"s3:ListBucket","s3:PutObject"`, 1),
		},
		"Condition": {
			reason: "A condition changes the meaning.",
			other:  strings.Replace(readPhotos, `"Effect"`, `"Condition":{"StringEquals":{"aws:username":"x"}},"Effect"`, 1),
		},
		"Denied": {
			reason: "Deny is not Allow.",
			other:  strings.Replace(readPhotos, "Allow", "Deny", 1),
		},
		"NoPolicy": {
			reason: "A document that is no policy is the same as no other.",
			other:  `[]`,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := SamePolicy([]byte(readPhotos), []byte(tc.other)); got != tc.want {
				t.Errorf("%s\nSamePolicy(...): want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}

func TestCheckPolicy(t *testing.T) {
	cases := map[string]struct {
		reason   string
		document string
		rejected bool
	}{
		"Good": {
			reason:   "The server takes a policy.",
			document: readPhotos,
		},
		"NoJSON": {
			reason:   "A policy is JSON.",
			document: "Version: 2012-10-17",
			rejected: true,
		},
		"NoVersion": {
			reason:   "The server requires a version.",
			document: `{"Statement":[]}`,
			rejected: true,
		},
		"UnknownAction": {
			reason:   "Actions must exist.",
			document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Fly"],"Resource":["arn:aws:s3:::*"]}]}`,
			rejected: true,
		},
		"NoResource": {
			reason:   "Actions on objects need resources.",
			document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"]}]}`,
			rejected: true,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := CheckPolicy([]byte(tc.document)); (err != nil) != tc.rejected {
				t.Errorf("%s\nCheckPolicy(...): %v", tc.reason, err)
			}
		})
	}
}

// FuzzSamePolicy expects that no document makes the parser panic, and that each valid policy means
// the same as itself.
func FuzzSamePolicy(f *testing.F) {
	f.Add([]byte(readPhotos))
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["admin:*"]}]}`))
	f.Add([]byte(`{"Statement":"x"}`))

	f.Fuzz(func(t *testing.T, document []byte) {
		if CheckPolicy(document) == nil && !SamePolicy(document, document) {
			t.Errorf("a policy does not mean the same as itself: %q", document)
		}
	})
}
