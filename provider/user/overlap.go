package user

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

const (
	// defaultOverlap is the CRD's default, for resources that were stored before the
	// CRD had it.
	defaultOverlap = 24 * time.Hour

	// maxOverlap is the CRD's maximum, for resources that were stored before the CRD
	// had it. An overlap is the time to restart what uses a key: a month is long.
	maxOverlap = 720 * time.Hour
)

// overlap returns how long retiring keys of u keep working.
func overlap(u *miniov1alpha1.User) time.Duration {
	if r := u.Spec.ForProvider.Rotation; r != nil && r.Overlap != nil {
		return min(max(0, r.Overlap.Duration), maxOverlap)
	}

	return defaultOverlap
}

// servedKey returns the ID of the access key that a controller serves to applications;
// empty if these read the connection Secret.
func servedKey(u *miniov1alpha1.User) string {
	if r := u.Spec.ForProvider.Rotation; r != nil {
		return r.ServedAccessKeyID
	}

	return ""
}

// served reports whether applications can read the current key, which is published.
func served(u *miniov1alpha1.User) bool {
	id := servedKey(u)

	return id == "" || id == accessKeyID(u, u.Status.AtProvider.Generation)
}

// keepOverlaps begins the overlap of retiring keys once applications can read the
// current one, and lets it end as the spec says now. The current key must be verified
// and published.
func keepOverlaps(u *miniov1alpha1.User, now time.Time) {
	s := &u.Status.AtProvider
	if s.AccessKeyID != accessKeyID(u, s.Generation) {
		return
	}

	for i := range s.RetiringKeys {
		k := &s.RetiringKeys[i]

		switch {
		case k.Since == nil && k.Until != nil:
			keepRecorded(u, k, now)
		case k.Since == nil && !served(u):
		case k.Since == nil || k.Since.After(now):
			// A beginning in the future is that of a clock that was ahead.
			k.Since = new(metav1.NewTime(now))
			k.Until = new(metav1.NewTime(now.Add(overlap(u))))
		case u.Spec.ForProvider.Rotation != nil:
			k.Until = new(metav1.NewTime(k.Since.Add(overlap(u))))
		}
	}
}

// keepRecorded keeps an end that an earlier version recorded, without its beginning. A
// shorter overlap counts from when the current key was created, which is
// not before that beginning.
func keepRecorded(u *miniov1alpha1.User, k *miniov1alpha1.RetiringKey, now time.Time) {
	latest := now.Add(maxOverlap)
	if r := u.Spec.ForProvider.Rotation; r != nil && u.Status.AtProvider.RotatedAt != nil {
		latest = u.Status.AtProvider.RotatedAt.Add(overlap(u))
	}

	if k.Until.After(latest) {
		k.Until = new(metav1.NewTime(latest))
	}
}

// expired returns the IDs of retiring keys whose overlap has ended; none before the
// current key is published, and not the served key.
func expired(u *miniov1alpha1.User, now time.Time) []string {
	s := u.Status.AtProvider
	if s.AccessKeyID != accessKeyID(u, s.Generation) {
		return nil
	}

	var ids []string

	for _, k := range s.RetiringKeys {
		if k.Until != nil && !now.Before(k.Until.Time) && k.AccessKeyID != servedKey(u) {
			ids = append(ids, k.AccessKeyID)
		}
	}

	return ids
}

// replaces reports whether an access key is a retiring one, which the current generation
// replaces.
func replaces(u *miniov1alpha1.User, id string) bool {
	return slices.ContainsFunc(u.Status.AtProvider.RetiringKeys, func(k miniov1alpha1.RetiringKey) bool { return k.AccessKeyID == id })
}

// dropRetiring removes keys that were revoked from the status.
func dropRetiring(u *miniov1alpha1.User, ids []string) {
	s := &u.Status.AtProvider
	s.RetiringKeys = slices.DeleteFunc(s.RetiringKeys, func(k miniov1alpha1.RetiringKey) bool {
		return slices.Contains(ids, k.AccessKeyID)
	})
}
