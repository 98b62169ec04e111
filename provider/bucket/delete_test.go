package bucket

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	miniogo "github.com/minio/minio-go/v7"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

func TestDelete(t *testing.T) {
	objects := func() []miniogo.ObjectInfo {
		return []miniogo.ObjectInfo{{Key: "a", IsLatest: true}, {Key: "b", IsLatest: true}, {Key: "c", IsLatest: true}}
	}
	uploads := func() []miniogo.ObjectMultipartInfo { return []miniogo.ObjectMultipartInfo{{Key: "u"}} }
	withLocking := func() metadata { return metadata{fileLocking: files()[fileLocking]} }

	cases := map[string]struct {
		reason  string
		server  fakeServer
		policy  miniov1alpha1.WhenNotEmpty
		calls   []string
		err     string
		purging string
	}{
		"Empty": {
			reason: "An empty bucket is removed.",
			server: fakeServer{metadata: metadata{}},
			calls:  []string{"RemoveBucket"},
		},
		"Full": {
			reason: "A bucket that holds objects is not removed.",
			server: fakeServer{metadata: metadata{}, objects: objects()},
			err:    "still holds 3 objects",
		},
		"Markers": {
			reason: "Delete markers hide objects that can be restored: a bucket that holds nothing else is not removed.",
			server: fakeServer{metadata: metadata{}, objects: []miniogo.ObjectInfo{{Key: "a", IsLatest: true, IsDeleteMarker: true}}},
			err:    "still holds 1 delete marker",
		},
		"GoneMeanwhile": {
			reason: "A bucket that is gone since it was observed is deleted.",
			server: fakeServer{metadata: metadata{}, gone: []string{"ListObjects", "ListMultipartUploads", "RemoveBucket"}},
		},
		"GoneAtLast": {
			reason: "So is one that is gone since it was found empty.",
			server: fakeServer{metadata: metadata{}, gone: []string{"RemoveBucket"}},
		},
		"PurgeGoneMeanwhile": {
			reason: "So is one that is to be purged.",
			server: fakeServer{metadata: metadata{}, gone: []string{"ListMultipartUploads", "ForceDelete"}},
			policy: miniov1alpha1.WhenNotEmptyPurge,
		},
		"Upload": {
			reason: "A bucket that holds an incomplete upload is not removed.",
			server: fakeServer{metadata: metadata{}, uploads: uploads()},
			err:    "still holds 1 incomplete upload",
		},
		"Purge": {
			reason: "The server purges a bucket in one call.",
			server: fakeServer{metadata: metadata{}, objects: objects(), uploads: uploads()},
			policy: miniov1alpha1.WhenNotEmptyPurge,
			calls:  []string{"Abort u", "ForceDelete"},
		},
		"PurgeReplicated": {
			reason: "A server that replicates a bucket does not purge it in one call: objects are deleted one by one.",
			server: fakeServer{metadata: metadata{}, objects: objects(), uploads: uploads(), replicated: true},
			policy: miniov1alpha1.WhenNotEmptyPurge,
			calls:  []string{"Abort u", "ForceDelete", "RemoveBucket"},
		},
		"PurgeLocking": {
			reason: "In a bucket with object locking, objects that are not locked are deleted one by one.",
			server: fakeServer{metadata: withLocking(), objects: objects()},
			policy: miniov1alpha1.WhenNotEmptyPurge,
			calls:  []string{"RemoveBucket"},
		},
		"PurgeLocked": {
			reason:  "Locked objects stay, and the error and the condition name one.",
			server:  fakeServer{metadata: withLocking(), objects: objects(), locked: map[string]bool{"c": true}},
			policy:  miniov1alpha1.WhenNotEmptyPurge,
			err:     `1 objects or versions are locked, such as "c" (GOVERNANCE until 2030-01-01T00:00:00Z)`,
			purging: "are locked",
		},
		"PurgeLong": {
			reason:  "A step ends in time and reports its progress.",
			server:  fakeServer{metadata: withLocking(), objects: objects(), slowness: purgeTime - time.Second},
			policy:  miniov1alpha1.WhenNotEmptyPurge,
			purging: "1 objects and versions deleted so far",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f, b, clock := tc.server, newBucket(), time.Now()
			f.t, f.clock = t, &clock

			meta.SetExternalName(b, b.Name)
			b.DeletionTimestamp = new(metav1.Now())
			b.Spec.ForProvider.WhenNotEmpty = tc.policy

			e := newExternal(&f, b)
			if o, err := e.Observe(t.Context(), b); err != nil || !o.ResourceExists {
				t.Fatalf("%s\nObserve(...): %+v, %v", tc.reason, o, err)
			}

			_, err := e.Delete(t.Context(), b)
			if (err != nil) != (tc.err != "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("%s\nwant error %q, got %v", tc.reason, tc.err, err)
			}

			if diff := cmp.Diff(tc.calls, f.calls, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n-want calls, +got calls:\n%s", tc.reason, diff)
			}

			if c := b.GetCondition(miniov1alpha1.ConditionPurging); !strings.Contains(c.Message, tc.purging) {
				t.Errorf("%s\nwant the condition to say %q, got %q", tc.reason, tc.purging, c.Message)
			}
		})
	}
}
