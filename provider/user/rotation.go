package user

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

const (
	// defaultOverlap is the CRD's default, for resources that were stored before the
	// CRD had it.
	defaultOverlap = 24 * time.Hour

	// maxGenerations bounds the search for the generation of a published key.
	maxGenerations = 1 << 12
)

// A rotation takes three reconciles. All of its state is in the User's status:
//
//  1. The next key is due. Its generation is stored, and when the previous key must
//     be revoked. Nothing else happens.
//  2. The connection Secret does not hold the key of the current generation: the key
//     is created, verified and published. Its ID follows from UID and generation, so
//     the next attempt replaces what an attempt that failed half-way left behind.
//  3. The overlap ends: the previous key is revoked.

// due reports whether the next key is due.
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

// scheduled returns when the next key is due by the interval; nil for never.
func scheduled(u *miniov1alpha1.User) *metav1.Time {
	r, s := u.Spec.ForProvider.Rotation, u.Status.AtProvider
	if r == nil || r.Interval == nil || s.RotatedAt == nil {
		return nil
	}

	return new(metav1.NewTime(s.RotatedAt.Add(r.Interval.Duration)))
}

// nextDue returns when a key has to be created, replaced or revoked next; the zero
// time for never.
func nextDue(u *miniov1alpha1.User) time.Time {
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

// rotate begins the next generation. The current key keeps working until the overlap
// ends.
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

// expired returns the IDs of replaced keys whose overlap has ended; none before the
// current key is published.
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

// dropRetiring removes keys that were revoked from the status.
func dropRetiring(u *miniov1alpha1.User, ids []string) {
	s := &u.Status.AtProvider
	s.RetiringKeys = slices.DeleteFunc(s.RetiringKeys, func(k miniov1alpha1.RetiringKey) bool {
		return slices.Contains(ids, k.AccessKeyID)
	})
}

// recordKey records in the status which key is published, and when the next one is
// due.
func recordKey(u *miniov1alpha1.User, published managed.ConnectionDetails, now time.Time) {
	s, r := &u.Status.AtProvider, u.Spec.ForProvider.Rotation

	if s.AccessKeyID == "" && s.RotationTrigger == "" && r != nil {
		// The trigger of a new User asks for no rotation: its first key is new anyway.
		s.RotationTrigger = r.Trigger
	}

	if s.RotatedAt == nil {
		s.RotatedAt = new(metav1.NewTime(now))
	}

	if len(published) > 0 || !publishes(u) {
		s.AccessKeyID = accessKey(u, s.Generation)
		s.PublishedHash = hash(published)
	}

	s.NextRotationAt = scheduled(u)
}

// restoreGeneration restores the generation of a User whose status was lost, for
// example when it was restored from a backup, from the published access key. The
// previous key may still work and gets its overlap again.
func restoreGeneration(u *miniov1alpha1.User, published managed.ConnectionDetails, now time.Time) {
	s, id := &u.Status.AtProvider, string(published[miniov1alpha1.ConnectionKeyAccessKeyID])
	if s.AccessKeyID != "" || s.Generation > 0 || id == "" || id == accessKey(u, 0) {
		return
	}

	for g := int64(1); g < maxGenerations; g++ {
		if accessKey(u, g) == id {
			s.Generation = g - 1
			rotate(u, now)

			return
		}
	}
}
