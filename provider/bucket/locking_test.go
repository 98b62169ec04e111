package bucket

import (
	"strings"
	"testing"
	"time"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestCheckLockingOfOthers observes buckets without object locking, whose resources were made a
// moment ago. It expects no write to a bucket that may be another one, or that may not be changed.
func TestCheckLockingOfOthers(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*miniov1alpha1.Bucket)
	}{
		"GivenBack": {
			reason: "A Bucket that was ready was given the name of another bucket since.",
			change: func(b *miniov1alpha1.Bucket) { b.SetConditions(xpv1.Available()) },
		},
		"Observed": {
			reason: "The management policies allow no change.",
			change: func(b *miniov1alpha1.Bucket) {
				b.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve}
			},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBucket()
			b.Spec.ForProvider.ObjectLocking = true
			meta.SetExternalName(b, "photos")
			meta.SetExternalCreateSucceeded(b, time.Now())
			tc.change(b)

			f := &fakeServer{metadata: metadata{}}

			err := reconcile(t, f, b)
			if err == nil || !strings.Contains(err.Error(), "has no object locking, which cannot be added") || len(f.calls) > 0 {
				t.Errorf("%s\nwant an error and no calls, got %v, %v", tc.reason, err, f.calls)
			}
		})
	}
}
