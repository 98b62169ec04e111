package minio

import (
	"bytes"
	"fmt"

	"github.com/minio/pkg/v3/policy"
)

// CheckPolicy returns why MinIO would not take a document as a canned policy;
// nil if it would. It judges as the server does, with the server's own parser.
func CheckPolicy(document []byte) error {
	_, err := parsePolicy(document)

	return err
}

// SamePolicy says that two documents are policies that mean the same: the order
// of actions, resources and values of conditions means nothing, nor does one
// string instead of a list of one, nor does a statement that is repeated.
func SamePolicy(a, b []byte) bool {
	pa, err := parsePolicy(a)
	if err != nil {
		return false
	}

	pb, err := parsePolicy(b)

	return err == nil && pa.Equals(*pb)
}

func parsePolicy(document []byte) (*policy.Policy, error) {
	p, err := policy.ParseConfig(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}

	if p.Version == "" {
		return nil, fmt.Errorf("it has no Version, such as %q", policy.DefaultVersion)
	}

	return p, nil
}
