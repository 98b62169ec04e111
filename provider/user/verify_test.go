package user

import (
	"testing"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestSamePolicy compares documents one after the other.
func TestSamePolicy(t *testing.T) {
	const (
		read   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::photos/*"]}]}`
		spaced = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/*"}]}`
		write  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::photos/*"]}]}`
	)

	u := &miniov1alpha1.User{}
	u.UID = "1"

	p := newProofs()
	p.add(u, "hash")

	for _, step := range []struct {
		reason    string
		want, got string
		same      bool
	}{
		{reason: "Two ways to write the same.", want: read, got: spaced, same: true},
		{reason: "It is the same once more.", want: read, got: spaced, same: true},
		{reason: "It was edited.", want: read, got: write},
		{reason: "It is still edited.", want: read, got: write},
		{reason: "It should be something else.", want: write, got: spaced},
		{reason: "It was put back.", want: read, got: read, same: true},
	} {
		if got := p.samePolicy(u, []byte(step.want), []byte(step.got)); got != step.same {
			t.Errorf("%s\nwant %t, got %t", step.reason, step.same, got)
		}

		// What is proven of a key is none of the policy's business.
		p.add(u, "hash")
	}

	if p.m[u.UID].policies == [32]byte{} {
		t.Error("nothing is remembered")
	}
}
