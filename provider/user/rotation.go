package user

import (
	"fmt"
	"hash/fnv"
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

const (
	// maxRetiringKeys is how many retiring keys of a user work at most: the one that
	// was just replaced and the one before it. AWS allows two keys in all.
	maxRetiringKeys = 2

	// minKeyAge is the time between two keys of a user at least. Each costs the server
	// an encrypted call and a write.
	minKeyAge = 10 * time.Second
)

// A rotation takes three reconciles. Its state is in the User's status and in the
// connection Secret:
//
//  1. The next key is due. rotate increases the generation in the status. Nothing else
//     happens.
//  2. The connection Secret does not hold a key of the current generation. storeKey makes
//     a secret key, stores it there as pending, and reads it back. setKey gives it to the
//     server and verifies it at the published endpoint. publish makes it the current one
//     in the Secret, which is read back again. An attempt that follows one that failed
//     half-way finds the pending key and continues with it.
//  3. The overlap, which begins when applications can read the current key, ends. retire
//     revokes the retiring key.
//
// These functions are in update.go, except rotate.

// due reports whether the next key is due.
func due(u *miniov1alpha1.User, now time.Time) bool {
	at := dueAt(u, now)

	return !at.IsZero() && !now.Before(at)
}

// dueAt returns when the next key is due; the zero time for never. None is due before
// applications can read the current one, which would otherwise be revoked unread.
func dueAt(u *miniov1alpha1.User, now time.Time) time.Time {
	r, s := u.Spec.ForProvider.Rotation, u.Status.AtProvider
	if r == nil || s.AccessKeyID == "" || s.RotatedAt == nil || !publishes(u) || !served(u) {
		return time.Time{}
	}

	if r.Trigger != "" && r.Trigger != s.RotationTrigger {
		return s.RotatedAt.Add(minKeyAge)
	}

	if at := scheduled(u, now); at != nil {
		return at.Time
	}

	return time.Time{}
}

// scheduled returns when the next key is due by the interval; nil for never. A key that is older
// than an interval that is new, or shorter than before, is due within a tenth of the interval:
// the keys of all users of a pool would otherwise be replaced at the same moment.
func scheduled(u *miniov1alpha1.User, now time.Time) *metav1.Time {
	r, s := u.Spec.ForProvider.Rotation, u.Status.AtProvider
	if r == nil || r.Interval == nil || s.RotatedAt == nil {
		return nil
	}

	interval := max(r.Interval.Duration, minKeyAge)

	at := s.RotatedAt.Add(interval)
	if recorded := s.NextRotationAt; at.Before(now) && (recorded == nil || recorded.After(now)) {
		at = now.Add(spread(u, interval/10))
		if recorded != nil && recorded.Time.Before(at) {
			at = recorded.Time
		}
	}

	return new(metav1.NewTime(at))
}

// spread returns a part of d that differs from User to User and is always the same for one.
func spread(u *miniov1alpha1.User, d time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(u.GetUID()))

	return time.Duration(float64(d) * float64(h.Sum32()) / math.MaxUint32)
}

// dueAction is something that has to be done at a time; never if that is the zero time.
type dueAction struct {
	what string
	at   time.Time
}

// nextDue returns what has to be done next of creating, replacing and revoking keys. It
// names only what due, expired and the drift of keys act on.
func nextDue(u *miniov1alpha1.User, now time.Time) dueAction {
	s := u.Status.AtProvider
	if !enabled(u) || !reconciler.Updatable(u) || s.AccessKeyID == "" || s.RotatedAt == nil {
		return dueAction{}
	}

	if id := accessKeyID(u, s.Generation); s.AccessKeyID != id {
		return dueAction{what: "publish " + id, at: s.RotatedAt.Time}
	}

	next := dueAction{what: fmt.Sprintf("rotate %d", s.Generation), at: dueAt(u, now)}

	for _, k := range s.RetiringKeys {
		if k.Until != nil && k.AccessKeyID != servedKey(u) && (next.at.IsZero() || k.Until.Time.Before(next.at)) {
			next = dueAction{what: "revoke " + k.AccessKeyID, at: k.Until.Time}
		}
	}

	return next
}

// rotate begins the next generation. The current key stays the published one until the
// next one is published.
func rotate(u *miniov1alpha1.User, now time.Time) {
	s := &u.Status.AtProvider

	if r := u.Spec.ForProvider.Rotation; r != nil {
		s.RotationTrigger = r.Trigger
	}

	s.RetiringKeys = append(s.RetiringKeys, miniov1alpha1.RetiringKey{AccessKeyID: accessKeyID(u, s.Generation)})
	s.Generation++
	s.RotatedAt = new(metav1.NewTime(now))
	s.NextRotationAt = scheduled(u, now)
}

// excess returns the IDs of retiring keys that have to be revoked before the next
// generation begins, so that no more than maxRetiringKeys work.
func excess(u *miniov1alpha1.User) []string {
	retiring := u.Status.AtProvider.RetiringKeys
	n := max(0, len(retiring)-(maxRetiringKeys-1))
	ids := make([]string, n)

	for i := range n {
		ids[i] = retiring[i].AccessKeyID
	}

	return ids
}

// recordKey records in the status which key is published, and when the next one is
// due.
func recordKey(u *miniov1alpha1.User, published stored, now time.Time) {
	s, r := &u.Status.AtProvider, u.Spec.ForProvider.Rotation

	if s.AccessKeyID == "" && s.RotationTrigger == "" && r != nil {
		// The trigger of a new User asks for no rotation: its first key is new anyway.
		s.RotationTrigger = r.Trigger
	}

	// A time in the future is that of a clock that was ahead.
	if s.RotatedAt == nil || s.RotatedAt.After(now) {
		s.RotatedAt = new(metav1.NewTime(now))
	}

	if _, current := published.key(u); current || !publishes(u) {
		s.AccessKeyID = accessKeyID(u, s.Generation)
		s.PublishedHash = hash(published.details)
	}

	s.NextRotationAt = scheduled(u, now)
}
