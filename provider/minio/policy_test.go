package minio

import "testing"

const readPhotos = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]}]}`

func TestSamePolicy(t *testing.T) {
	cases := map[string]struct {
		reason string
		other  string
		want   bool
	}{
		"Same":      {reason: "A document means the same as itself.", other: readPhotos, want: true},
		"Spaces":    {reason: "How it is written means nothing.", other: " \n" + readPhotos, want: true},
		"Reordered": {reason: "Actions and resources are sets.", other: `{"Version":"2012-10-17","Statement":[{"Action":["s3:ListBucket","s3:GetObject"],"Effect":"Allow","Resource":["arn:aws:s3:::photos/*","arn:aws:s3:::photos"]}]}`, want: true},
		"Widened":   {reason: "Another action is another meaning.", other: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket","s3:PutObject"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]}]}`},
		"Condition": {reason: "A condition is another meaning.", other: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"],"Condition":{"StringEquals":{"aws:username":"x"}}}]}`},
		"Denied":    {reason: "Deny is not Allow.", other: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]}]}`},
		"NoPolicy":  {reason: "What is no policy means nothing.", other: `[]`},
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
		refused  bool
	}{
		"Good":          {reason: "A policy is taken.", document: readPhotos},
		"NoJSON":        {reason: "A policy is JSON.", document: "Version: 2012-10-17", refused: true},
		"NoVersion":     {reason: "The server insists on a version.", document: `{"Statement":[]}`, refused: true},
		"UnknownAction": {reason: "Actions must exist.", document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Fly"],"Resource":["arn:aws:s3:::*"]}]}`, refused: true},
		"NoResource":    {reason: "Actions on objects need resources.", document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"]}]}`, refused: true},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := CheckPolicy([]byte(tc.document)); (err != nil) != tc.refused {
				t.Errorf("%s\nCheckPolicy(...): %v", tc.reason, err)
			}
		})
	}
}

// FuzzSamePolicy wants no document to bring the parser down, and each that the
// server would take to mean the same as itself.
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
