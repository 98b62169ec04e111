package bucket

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

func TestLeave(t *testing.T) {
	cases := map[string]struct {
		reason string
		access *miniov1alpha1.AnonymousAccess
		fail   string
		calls  []string
		err    error
	}{
		"None": {
			reason: "Nothing else would end an access that the spec no longer allows.",
			access: new(miniov1alpha1.AnonymousAccessNone),
			calls:  []string{"SetBucketPolicy"},
		},
		"Failed": {
			reason: "The Bucket stays until the access has ended.",
			access: new(miniov1alpha1.AnonymousAccessNone),
			fail:   "SetBucketPolicy",
			calls:  []string{"SetBucketPolicy"},
			err:    errInjected,
		},
		"Download": {reason: "The bucket is to stay as it is.", access: new(miniov1alpha1.AnonymousAccessDownload)},
		"Unset":    {reason: "The bucket's policy is not the Bucket's."},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := &fakeServer{t: t, fail: tc.fail}
			b := &miniov1alpha1.Bucket{}
			b.Spec.ForProvider.AnonymousAccess = tc.access

			if err := leave(t.Context(), f, b); !cmp.Equal(tc.err, err, cmpopts.EquateErrors()) {
				t.Errorf("%s\nleave(...): want error %v, got %v", tc.reason, tc.err, err)
			}

			if diff := cmp.Diff(tc.calls, f.calls); diff != "" {
				t.Errorf("%s\nleave(...): -want calls, +got calls:\n%s", tc.reason, diff)
			}
		})
	}
}
