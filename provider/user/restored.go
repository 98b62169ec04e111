package user

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// maxGenerations bounds the search for the generation of a published key.
const maxGenerations = 1 << 12

// ownKeyID matches the IDs of the access keys that this provider makes.
var ownKeyID = regexp.MustCompile(`^` + accessKeyPrefix + `[A-Z2-7]{16}$`)

// restoreGeneration restores the generation of a User whose status was lost, for
// example when it was restored from a backup, from the stored access keys. The
// user's own key, and the one before the current one, may still work: they become retiring
// keys, with a new overlap.
func restoreGeneration(u *miniov1alpha1.User, st stored, now time.Time) {
	s, id := &u.Status.AtProvider, st.accessKeyID()
	if s.AccessKeyID != "" || s.Generation > 0 || id == "" {
		return
	}

	for g := range int64(maxGenerations) {
		if accessKeyID(u, g) != id {
			continue
		}

		if g > 1 {
			s.RetiringKeys = append(s.RetiringKeys, miniov1alpha1.RetiringKey{AccessKeyID: Name(u)})
		}

		if s.Generation = max(0, g-1); g > 0 {
			rotate(u, now)
		}

		if st.pending.AccessKeyID == accessKeyID(u, g+1) {
			rotate(u, now)
		}

		return
	}
}

// keysUnaccounted reports whether u's user may have keys that its status does not name:
// the status was lost, and the user is older than u, which was restored or adopts it.
func keysUnaccounted(u *miniov1alpha1.User) bool {
	return u.Status.AtProvider.AccessKeyID == "" && meta.GetExternalCreatePending(u).Before(u.GetCreationTimestamp().Time)
}

// removeUnaccounted removes the keys that this provider made for the user and that are
// neither current nor retiring. A backup may be older than the last rotation: the key of
// that would work on, and no Secret and no status would name it. Keys that others made are
// kept.
func (e *external) removeUnaccounted(ctx context.Context, u *miniov1alpha1.User) error {
	all, err := e.keys.admin.ListServiceAccounts(ctx, Name(u))
	if err != nil {
		return errors.Wrapf(err, "cannot list the access keys of user %q, of which those that are in no Secret must be removed; "+
			"the provider needs the right admin:ListServiceAccounts", Name(u))
	}

	var unaccounted []string

	for _, a := range all.Accounts {
		current := a.AccessKey == accessKeyID(u, u.Status.AtProvider.Generation)
		if !current && !replaces(u, a.AccessKey) && ownKeyID.MatchString(a.AccessKey) {
			unaccounted = append(unaccounted, a.AccessKey)
		}
	}

	slices.Sort(unaccounted)
	_, err = e.retire(ctx, u, unaccounted)

	return err
}
