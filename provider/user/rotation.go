package user

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// defaultOverlap is the CRD's, for resources that were stored before.
const defaultOverlap = 24 * time.Hour

// A rotation goes through three reconciles, and its whole memory is the status:
//
//  1. The next key is due. Its generation is stored, and when the key before it
//     must go. Nothing else happens.
//  2. The connection Secret does not hold the key of the current generation: it
//     is made, proven and published. The ID of a key follows from UID and
//     generation, so a try that did not get to the end leaves nothing behind but
//     what the next one makes again.
//  3. The time of the key before is over: it is removed.

// due says whether the next key is due.
func due(u *miniov1alpha1.User, now time.Time) bool {
	r, s := u.Spec.ForProvider.Rotation, u.Status.AtProvider
	if r == nil || s.AccessKeyID == "" || !publishes(u) {
		return false
	}

	if r.Trigger != "" && r.Trigger != s.RotationTrigger {
		return true
	}

	at := scheduled(u)

	return at != nil && !now.Before(at.Time)
}

// scheduled returns when the interval asks for the next key; nil for never.
func scheduled(u *miniov1alpha1.User) *metav1.Time {
	r, s := u.Spec.ForProvider.Rotation, u.Status.AtProvider
	if r == nil || r.Interval == nil || s.RotatedAt == nil {
		return nil
	}

	return new(metav1.NewTime(s.RotatedAt.Add(r.Interval.Duration)))
}

// rotate begins the next generation, and lets the current key work until the
// overlap ends.
func rotate(u *miniov1alpha1.User, now time.Time) {
	s, overlap := &u.Status.AtProvider, defaultOverlap

	if r := u.Spec.ForProvider.Rotation; r != nil {
		s.RotationTrigger = r.Trigger

		if r.Overlap != nil {
			overlap = r.Overlap.Duration
		}
	}

	s.RetiringKeys = append(s.RetiringKeys, miniov1alpha1.RetiringKey{
		AccessKeyID: accessKey(u, s.Generation),
		Until:       metav1.NewTime(now.Add(overlap)),
	})
	s.Generation++
	s.RotatedAt = new(metav1.NewTime(now))
	s.NextRotationAt = scheduled(u)
}

// expired returns the keys whose time is over. None is while the key after it is
// not published.
func expired(u *miniov1alpha1.User, now time.Time) []string {
	s := u.Status.AtProvider
	if s.AccessKeyID != accessKey(u, s.Generation) {
		return nil
	}

	var ids []string

	for _, k := range s.RetiringKeys {
		if !now.Before(k.Until.Time) {
			ids = append(ids, k.AccessKeyID)
		}
	}

	return ids
}

// forgetKeys takes keys that are no longer there out of the status.
func forgetKeys(u *miniov1alpha1.User, ids []string) {
	s := &u.Status.AtProvider
	s.RetiringKeys = slices.DeleteFunc(s.RetiringKeys, func(k miniov1alpha1.RetiringKey) bool {
		return slices.Contains(ids, k.AccessKeyID)
	})
}

// next returns when something is due: a key to make, to replace or to remove.
func next(u *miniov1alpha1.User) time.Time {
	s := u.Status.AtProvider
	if !enabled(u) || s.AccessKeyID == "" {
		return time.Time{}
	}

	if s.AccessKeyID != accessKey(u, s.Generation) {
		return time.Now()
	}

	var at time.Time

	if n := scheduled(u); n != nil {
		at = n.Time
	}

	for _, k := range s.RetiringKeys {
		if at.IsZero() || k.Until.Time.Before(at) {
			at = k.Until.Time
		}
	}

	return at
}
