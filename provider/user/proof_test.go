package user

import (
	"testing"

	"github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestTurns polls a User whose policy and key take turns: both are looked at within
// the poll interval.
func TestTurns(t *testing.T) {
	u := &v1alpha1.User{}
	u.UID, u.ResourceVersion = "1", "1"

	p := newProofs()
	both := look{policy: true, key: true}

	if got := p.turn(u); got != both {
		t.Errorf("Of a user that is not known all is looked at: got %+v", got)
	}

	p.add(u, "proven")

	polls := int(1 / Kind().PollWithin)
	seen := look{}

	for range polls {
		got := p.turn(u)
		if got == both || got == (look{}) {
			t.Errorf("A poll of what has not changed looks at one of policy and key: got %+v", got)
		}

		seen = look{policy: seen.policy || got.policy, key: seen.key || got.key}
	}

	if seen != both {
		t.Errorf("The %d polls of an interval look at policy and key: got %+v", polls, seen)
	}

	u.ResourceVersion = "2"

	if got := p.turn(u); got != both {
		t.Errorf("Of a user that has changed all is looked at: got %+v", got)
	}
}
