package minio

import (
	"bytes"
	"fmt"

	"github.com/minio/pkg/v3/policy"
)

// CheckPolicy returns an error if MinIO would reject a document as a canned policy. It uses
// the server's own parser.
func CheckPolicy(document []byte) error {
	_, err := parsePolicy(document)

	return err
}

// SamePolicy reports whether two documents are policies with the same meaning. The order of
// actions, resources and condition values does not matter, nor does a string instead of a
// list of one, nor a repeated statement.
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
