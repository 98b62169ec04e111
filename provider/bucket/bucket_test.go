package bucket

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/controller"
	"github.com/cistern-dev/cistern/provider/minio"
)

// TestPollInterval expects a poll that is answered from the oldest snapshot to find drift
// within the drift interval.
func TestPollInterval(t *testing.T) {
	if got, want := pollInterval(time.Hour)+time.Hour/SnapshotShare, time.Hour; got > want {
		t.Errorf("drift right after a snapshot is found after %s, want %s", got, want)
	}
}

// TestForget expects nothing to be remembered of a Bucket that no longer exists. The
// runtime does not call Delete for each of them: one whose management policies do not
// allow a deletion leaves its bucket on the server.
func TestForget(t *testing.T) {
	b, other := newSettledBucket(), newSettledBucket()
	other.Name = "videos"

	kind := Kind(nil)

	srv, err := minio.New(minio.Config{Endpoint: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}

	e, ok := kind.Client(controller.Kube{}, srv).(*external)
	if !ok {
		t.Fatal("want an external")
	}

	f := &fakeServer{t: t, metadata: metadata{}}
	e.s3, e.admin, e.server = f, f, f

	for _, b := range []*miniov1alpha1.Bucket{b, other} {
		if _, err := e.Observe(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}

	kind.Forget(client.ObjectKeyFromObject(b))

	if got := e.memories.Of(b).lastObservation; got != "" {
		t.Errorf("want nothing to be remembered of a Bucket that is gone, got %q", got)
	}

	if got := e.memories.Of(other).lastObservation; got != other.ResourceVersion {
		t.Errorf("want the other Bucket to be remembered, got %q", got)
	}
}

// reconcile does what the runtime does, until nothing is left to do or a step fails.
func reconcile(t *testing.T, f *fakeServer, b *miniov1alpha1.Bucket) error {
	t.Helper()

	f.t = t

	for range 5 {
		e := newExternal(f, b)

		o, err := e.Observe(t.Context(), b)

		switch {
		case err != nil:
		case !o.ResourceExists:
			_, err = e.Create(t.Context(), b)
		case o.ResourceUpToDate:
			return nil
		default:
			_, err = e.Update(t.Context(), b)
		}

		if err != nil {
			return err
		}
	}

	return nil
}

func TestReconcile(t *testing.T) {
	owned := func(spec miniov1alpha1.BucketParameters) *miniov1alpha1.Bucket {
		b := newBucket()
		meta.SetExternalName(b, b.Name)
		b.Spec.ForProvider = spec

		return b
	}
	quotaOf := func(q string) *miniov1alpha1.Bucket {
		return owned(miniov1alpha1.BucketParameters{Quota: new(resource.MustParse(q))})
	}
	tagsOf := func(m map[string]string) *miniov1alpha1.Bucket {
		return owned(miniov1alpha1.BucketParameters{Tags: m})
	}
	made := func(at time.Time) *miniov1alpha1.Bucket {
		b := owned(miniov1alpha1.BucketParameters{ObjectLocking: true})
		meta.SetExternalCreateSucceeded(b, at)

		return b
	}
	unowned := newBucket
	badName := newBucket()
	meta.SetExternalName(badName, "UPPER")

	threeDaysAgo := time.Now().AddDate(0, 0, -3)

	cases := map[string]struct {
		reason string
		server fakeServer
		bucket *miniov1alpha1.Bucket
		calls  []string
		err    string
	}{
		"New": {
			reason: "A bucket without settings is made in one call.",
			bucket: unowned(),
			calls:  []string{"MakeBucket"},
		},
		"NewWithQuota": {
			reason: "Settings are written once the bucket exists.",
			bucket: quotaOf("1Gi"),
			calls:  []string{"MakeBucket", "SetBucketQuota"},
		},
		"UpToDate": {
			reason: "A bucket that is up to date is left alone.",
			server: fakeServer{metadata: metadata{}},
			bucket: owned(miniov1alpha1.BucketParameters{}),
		},
		"NotOwned": {
			reason: "A bucket that the resource did not make is left alone.",
			server: fakeServer{metadata: metadata{}},
			bucket: unowned(),
			err:    "set the annotation crossplane.io/external-name: photos to adopt it",
		},
		"BadName": {
			reason: "An invalid name is an error before it is sent to the server.",
			bucket: badName,
			err:    `"UPPER" cannot be the name of a bucket`,
		},
		"NoLocking": {
			reason: "Object locking cannot be added to a bucket.",
			server: fakeServer{metadata: metadata{}},
			bucket: owned(miniov1alpha1.BucketParameters{ObjectLocking: true}),
			err:    "has no object locking, which cannot be added",
		},
		"LockingOutdated": {
			reason: "A server that shows outdated settings of a new bucket is made to read them.",
			server: fakeServer{metadata: metadata{fileLocking: []byte(lockingEnabled)}, outdated: true},
			bucket: made(time.Now()),
			calls:  []string{"SetBucketVersioning"},
		},
		"LockingNeverThere": {
			reason: "A bucket that was made without the provider's options has no object locking, however often it is read.",
			server: fakeServer{metadata: metadata{}},
			bucket: made(time.Now()),
			calls:  []string{"SetBucketVersioning"},
			err:    "has no object locking, which cannot be added",
		},
		"LockingLongAgo": {
			reason: "After some time the server has read the settings by itself, and nothing is written.",
			server: fakeServer{metadata: metadata{}},
			bucket: made(time.Now().Add(-time.Hour)),
			err:    "has no object locking, which cannot be added",
		},
		"UnmanagedNonsense": {
			reason: "Settings that are not the resource's need not be valid.",
			server: fakeServer{metadata: metadata{fileQuota: []byte("?"), fileVersioning: []byte("?"), fileLocking: []byte("?")}},
			bucket: owned(miniov1alpha1.BucketParameters{}),
		},
		"ManagedNonsense": {
			reason: "A setting that is the resource's must be valid.",
			server: fakeServer{metadata: metadata{fileQuota: []byte("?")}},
			bucket: quotaOf("1Gi"),
			err:    "cannot parse quota",
		},
		"TagKey": {
			reason: "The error names the key of a tag that the server would reject.",
			server: fakeServer{metadata: metadata{}},
			bucket: tagsOf(map[string]string{"fine": "", "größe": "7"}),
			err:    `spec.forProvider.tags["größe"] of "7": key and value are made of letters`,
		},
		"TagValue": {
			reason: "The error names the value of a tag that the server would reject.",
			server: fakeServer{metadata: metadata{}},
			bucket: tagsOf(map[string]string{"team": "a,b", "z": "ü"}),
			err:    `spec.forProvider.tags["team"] of "a,b"`,
		},
		"SmallQuota": {
			reason: "A quota smaller than the contents would block the bucket.",
			server: fakeServer{metadata: metadata{}, objects: []miniogo.ObjectInfo{{Key: "a"}}, size: 3 << 30},
			bucket: quotaOf("1Gi"),
			err:    "spec.forProvider.quota of 1Gi is less than the 3Gi that the bucket holds",
		},
		"StaleUpload": {
			reason: "Uploads that are older than a rule allows are aborted, others are not.",
			server: fakeServer{metadata: metadata{}, uploads: []miniogo.ObjectMultipartInfo{
				{Key: "tmp/old", Initiated: threeDaysAgo}, {Key: "tmp/new", Initiated: time.Now()}, {Key: "other", Initiated: threeDaysAgo},
			}},
			bucket: owned(miniov1alpha1.BucketParameters{
				Lifecycle: []miniov1alpha1.LifecycleRule{{Prefix: "tmp/", AbortIncompleteUploadsAfterDays: new(int32(2))}},
			}),
			calls: []string{"Abort tmp/old"},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := tc.server

			err := reconcile(t, &f, tc.bucket)
			if (err != nil) != (tc.err != "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("%s\nwant error %q, got %v", tc.reason, tc.err, err)
			}

			if diff := cmp.Diff(tc.calls, f.calls, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n-want calls, +got calls:\n%s", tc.reason, diff)
			}

			if c := tc.bucket.GetCondition(xpv1.TypeReady); (c.Status == corev1.ConditionTrue) != (err == nil) {
				t.Errorf("%s\nReady is %s", tc.reason, c.Status)
			}
		})
	}
}

// TestCreateRecoversFromCrash loses the outcome of MakeBucket, and expects the resource to
// own the bucket all the same.
func TestCreateRecoversFromCrash(t *testing.T) {
	f, b := &fakeServer{fail: "MakeBucket"}, newBucket()
	meta.SetExternalCreatePending(b, time.Now())

	if err := reconcile(t, f, b); !errors.Is(err, errInjected) {
		t.Fatalf("want the injected error, got %v", err)
	}

	f.fail = ""
	if err := reconcile(t, f, b); err != nil || meta.GetExternalName(b) != "photos" {
		t.Errorf("want the bucket's name to be recorded, got %v", err)
	}
}

// TestUpdateWritesOtherSettings expects a quota that cannot be set to keep no other
// setting from being written or undone, and from being recorded.
func TestUpdateWritesOtherSettings(t *testing.T) {
	b := newBucket()
	meta.SetExternalName(b, b.Name)
	b.Status.AtProvider.ManagedSettings = []string{"tags"}
	b.Spec.ForProvider = miniov1alpha1.BucketParameters{
		Versioning:      new(miniov1alpha1.VersioningEnabled),
		Quota:           new(resource.MustParse("1")),
		AnonymousAccess: new(miniov1alpha1.AnonymousAccessNone),
	}

	f := &fakeServer{
		metadata: metadata{filePolicy: []byte(downloadPolicy("photos")), fileTags: files()[fileTags]},
		objects:  []miniogo.ObjectInfo{{Key: "a"}}, size: 100,
	}

	err := reconcile(t, f, b)
	if err == nil || !strings.Contains(err.Error(), "spec.forProvider.quota") {
		t.Fatalf("reconcile(...): want an error about the quota, got %v", err)
	}

	if diff := cmp.Diff([]string{"SetBucketVersioning", "RemoveBucketTagging", "SetBucketPolicy"}, f.calls); diff != "" {
		t.Errorf("want the other settings to be written or undone: -want, +got:\n%s", diff)
	}

	if diff := cmp.Diff([]string{"anonymousAccess", "versioning"}, b.Status.AtProvider.ManagedSettings); diff != "" {
		t.Errorf("want what was written, and only that, to be recorded as managed: -want, +got:\n%s", diff)
	}
}

// TestUpdateRemovesSettings sets the settings of a full bucket to nothing. Its size does not
// matter to a quota of 0.
func TestUpdateRemovesSettings(t *testing.T) {
	b := newBucket()
	meta.SetExternalName(b, b.Name)
	b.Spec.ForProvider = nothing()

	f := &fakeServer{
		metadata: metadata{
			fileQuota: files()[fileQuota], fileLifecycle: files()[fileLifecycle], fileTags: files()[fileTags], filePolicy: files()[filePolicy],
		},
		objects: []miniogo.ObjectInfo{{Key: "a"}}, size: 100,
	}

	f.t = t
	e := newExternal(f, b)

	if _, err := e.Observe(t.Context(), b); err != nil {
		t.Fatalf("Observe(...): %v", err)
	}

	if _, err := e.Update(t.Context(), b); err != nil {
		t.Fatalf("Update(...): %v", err)
	}

	if diff := cmp.Diff([]string{"SetBucketQuota", "SetBucketLifecycle", "RemoveBucketTagging", "SetBucketPolicy"}, f.calls); diff != "" {
		t.Errorf("want the settings to be removed: -want, +got:\n%s", diff)
	}

	if diff := cmp.Diff([]string{"anonymousAccess", "lifecycle", "quota", "tags"}, b.Status.AtProvider.ManagedSettings); diff != "" {
		t.Errorf("want the settings to be recorded as managed: -want, +got:\n%s", diff)
	}
}
