package user

import (
	"crypto/sha256"
	"slices"

	"github.com/cistern-dev/cistern/provider/minio"
)

// memory is what is remembered of a User between reconciles. It is kept in this
// process only: after a restart each key is verified and each policy compared again.
type memory struct {
	// verified is the hash of the connection details that were verified last.
	verified string
	// comparedPolicies is the hash of two documents that mean the same: the desired
	// and the observed policy.
	comparedPolicies [sha256.Size]byte
}

// samePolicy reports whether two policy documents mean the same. It parses them only
// if they differ from the pair that it compared last: parsing costs as much as a call.
func (m *memory) samePolicy(want, got []byte) bool {
	sum := sha256.Sum256(slices.Concat(want, []byte{0}, got))
	if m.comparedPolicies == sum {
		return true
	}

	if !minio.SamePolicy(want, got) {
		return false
	}

	m.comparedPolicies = sum

	return true
}
