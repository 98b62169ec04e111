package user

import (
	"crypto/sha256"
	"slices"
	"time"

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
	// made is the ID of the access key that was made last.
	made string
	// replaced is when a lost key was replaced last.
	replaced time.Time
	// begun is what was due already when the current reconcile began.
	begun string
	// overdue is what was due already when the last reconcile ended.
	overdue string
}

// begin remembers what is due already. What is due later does not count: the write of a status
// that makes it due now may fail.
func (m *memory) begin(d dueAction, now time.Time) {
	m.begun = ""
	if !d.at.After(now) {
		m.begun = d.what
	}
}

// next returns when what is due next has to be done; the zero time if it was due
// already when the last reconcile ended and when this one began, which did not do it:
// it then waits for the next poll. It was not due at the beginning if the write of the
// status failed that made it due, and that is repeated.
func (m *memory) next(d dueAction, now time.Time) time.Time {
	switch {
	case d.at.IsZero() || d.at.After(now):
		m.overdue = ""
	case m.overdue == d.what && m.begun == d.what:
		return time.Time{}
	default:
		m.overdue = d.what
	}

	return d.at
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
