package bucket

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/sse"
	"github.com/minio/minio-go/v7/pkg/tags"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

var errInjected = errors.New("injected")

// fakeServer is a server of one bucket, which may not exist. It writes down the
// calls that change something.
type fakeServer struct {
	t   *testing.T
	has settings
	// look is what a look at all buckets finds; nil: there are none.
	look    settings
	asked   int
	objects []miniogo.ObjectInfo
	uploads []miniogo.ObjectMultipartInfo
	locked  map[string]bool
	calls   []string
	fail    string
	size    uint64
	clock   *time.Time
	// slowness is how long it takes to list an object.
	slowness time.Duration
	// listings counts those of objects.
	listings int
	// until is how long locks last; zero: until 2030.
	until time.Time
}

func (f *fakeServer) call(name string) error {
	f.calls = append(f.calls, name)
	if f.fail == name {
		return errInjected
	}

	return nil
}

// BucketSnapshot answers with the one bucket, where looks are counted.
func (f *fakeServer) BucketSnapshot(context.Context, func(string) bool) map[string]minio.BucketFiles {
	if f.look == nil {
		return nil
	}

	return map[string]minio.BucketFiles{"photos": minio.BucketFiles(f.look)}
}

func (f *fakeServer) ExportBucketMetadata(context.Context, string) (io.ReadCloser, error) {
	f.asked++

	if f.has == nil {
		return nil, madmin.ErrorResponse{Code: "NoSuchBucket", RequestID: "1"}
	}

	return io.NopCloser(bytes.NewReader(export(f.t, "photos", f.has))), nil
}

func (f *fakeServer) AccountInfo(context.Context, madmin.AccountOpts) (madmin.AccountInfo, error) {
	return madmin.AccountInfo{Buckets: []madmin.BucketAccessInfo{{Name: "photos", Size: f.size}}}, nil
}

func (f *fakeServer) SetBucketQuota(_ context.Context, _ string, q *madmin.BucketQuota) error {
	f.has[fileQuota] = quotaJSON(f.t, int64(q.Size))

	return f.call("SetBucketQuota")
}

func (f *fakeServer) MakeBucket(_ context.Context, _ string, o miniogo.MakeBucketOptions) error {
	f.has = settings{}
	if o.ObjectLocking {
		f.has[fileLocking] = []byte("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>")
	}

	return f.call("MakeBucket")
}

func (f *fakeServer) RemoveBucket(context.Context, string) error {
	f.has = nil

	return f.call("RemoveBucket")
}

func (f *fakeServer) RemoveBucketWithOptions(_ context.Context, _ string, o miniogo.RemoveBucketOptions) error {
	if !o.ForceDelete {
		return errors.New("without force")
	}

	f.has, f.objects = nil, nil

	return f.call("ForceDelete")
}

func (f *fakeServer) SetBucketVersioning(_ context.Context, _ string, c miniogo.BucketVersioningConfiguration) error {
	f.has[fileVersioning] = []byte("<VersioningConfiguration><Status>" + c.Status + "</Status></VersioningConfiguration>")

	return f.call("SetBucketVersioning")
}

func (f *fakeServer) SetObjectLockConfig(context.Context, string, *miniogo.RetentionMode, *uint, *miniogo.ValidityUnit) error {
	return f.call("SetObjectLockConfig")
}

func (f *fakeServer) SetBucketLifecycle(context.Context, string, *lifecycle.Configuration) error {
	return f.call("SetBucketLifecycle")
}

func (f *fakeServer) SetBucketTagging(context.Context, string, *tags.Tags) error {
	return f.call("SetBucketTagging")
}

func (f *fakeServer) RemoveBucketTagging(context.Context, string) error {
	return f.call("RemoveBucketTagging")
}

func (f *fakeServer) SetBucketEncryption(context.Context, string, *sse.Configuration) error {
	return f.call("SetBucketEncryption")
}

func (f *fakeServer) RemoveBucketEncryption(context.Context, string) error {
	return f.call("RemoveBucketEncryption")
}

func (f *fakeServer) SetBucketPolicy(context.Context, string, string) error {
	return f.call("SetBucketPolicy")
}

func (f *fakeServer) ListObjectsIter(_ context.Context, _ string, opts miniogo.ListObjectsOptions) iter.Seq[miniogo.ObjectInfo] {
	return func(yield func(miniogo.ObjectInfo) bool) {
		if !opts.WithVersions {
			return
		}

		f.listings++

		for _, o := range slices.Clone(f.objects) {
			if o.Key <= opts.StartAfter {
				continue
			}

			if f.clock != nil {
				*f.clock = f.clock.Add(f.slowness)
			}

			if !yield(o) {
				return
			}
		}
	}
}

func (f *fakeServer) ListMultipartUploads(context.Context, string, string, string, string, string, int) (miniogo.ListMultipartUploadsResult, error) {
	return miniogo.ListMultipartUploadsResult{Uploads: f.uploads}, nil
}

func (f *fakeServer) AbortMultipartUpload(_ context.Context, _, object, _ string) error {
	return f.call("Abort " + object)
}

func (f *fakeServer) RemoveObjectsWithIter(_ context.Context, _ string, objects iter.Seq[miniogo.ObjectInfo], o miniogo.RemoveObjectsOptions) (iter.Seq[miniogo.RemoveObjectResult], error) {
	if o.GovernanceBypass {
		return nil, errors.New("a lock would be forced")
	}

	return func(yield func(miniogo.RemoveObjectResult) bool) {
		for obj := range objects {
			r := miniogo.RemoveObjectResult{ObjectName: obj.Key}
			if f.locked[obj.Key] {
				r.Err = miniogo.ErrorResponse{Code: "InvalidRequest"}
			} else {
				f.objects = slices.DeleteFunc(f.objects, func(o miniogo.ObjectInfo) bool { return o.Key == obj.Key })
			}

			if !yield(r) {
				return
			}
		}
	}, nil
}

func (f *fakeServer) GetObjectRetention(context.Context, string, string, string) (*miniogo.RetentionMode, *time.Time, error) {
	if !f.until.IsZero() {
		return new(miniogo.Governance), &f.until, nil
	}

	return new(miniogo.Governance), new(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)), nil
}

func newBucket() *miniov1alpha1.Bucket {
	return &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "photos", Namespace: "team-a"}}
}

// stored is a reader of one Bucket, as the API server has it.
type stored struct {
	client.Reader

	bucket *miniov1alpha1.Bucket
}

func (s stored) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	s.bucket.DeepCopyInto(obj.(*miniov1alpha1.Bucket))

	return nil
}

// reconcile does what the runtime does until nothing is to be done.
func reconcile(t *testing.T, f *fakeServer, b *miniov1alpha1.Bucket) error {
	t.Helper()

	f.t = t

	for range 5 {
		e := &external{s3: f, admin: f, server: f, all: f, live: stored{bucket: b}, glances: newGlances(), now: time.Now}

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
	owned := func(f func(*miniov1alpha1.Bucket)) *miniov1alpha1.Bucket {
		b := newBucket()
		meta.SetExternalName(b, b.Name)
		f(b)

		return b
	}
	quotaOf := func(q string) func(*miniov1alpha1.Bucket) {
		return func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Quota = new(resource.MustParse(q)) }
	}
	tagsOf := func(m map[string]string) func(*miniov1alpha1.Bucket) {
		return func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.Tags = m }
	}
	someObject := []miniogo.ObjectInfo{{Key: "a"}}

	cases := map[string]struct {
		reason string
		server fakeServer
		bucket *miniov1alpha1.Bucket
		calls  []string
		err    string
	}{
		"New":          {reason: "A bucket without settings costs one call.", bucket: newBucket(), calls: []string{"MakeBucket"}},
		"NewWithQuota": {reason: "Settings are written once the bucket is there.", bucket: owned(quotaOf("1Gi")), calls: []string{"MakeBucket", "SetBucketQuota"}},
		"There":        {reason: "A bucket in order is left alone.", server: fakeServer{has: settings{}}, bucket: owned(func(*miniov1alpha1.Bucket) {})},
		"Foreign":      {reason: "What somebody else made is left alone.", server: fakeServer{has: settings{}}, bucket: newBucket(), err: "set the annotation crossplane.io/external-name: photos to adopt it"},
		"BadName":      {reason: "A name that cannot be is refused before it is sent.", bucket: owned(func(b *miniov1alpha1.Bucket) { meta.SetExternalName(b, "UPPER") }), err: `"UPPER" cannot be the name of a bucket`},
		"NoLocking":    {reason: "Locking cannot be added.", server: fakeServer{has: settings{}}, bucket: owned(func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.ObjectLocking = true }), err: "unset spec.forProvider.objectLocking"},
		"Nonsense":     {reason: "A setting that is nobody's business need not be understood.", server: fakeServer{has: settings{fileQuota: []byte("?"), fileVersioning: []byte("?"), fileLocking: []byte("?")}}, bucket: owned(func(*miniov1alpha1.Bucket) {})},
		"BadQuota":     {reason: "One that is the resource's must be.", server: fakeServer{has: settings{fileQuota: []byte("?")}}, bucket: owned(quotaOf("1Gi")), err: "cannot understand quota"},
		"TagKey":       {reason: "A key that the server would not take is named.", server: fakeServer{has: settings{}}, bucket: owned(tagsOf(map[string]string{"fine": "", "größe": "7"})), err: `spec.forProvider.tags["größe"] of "7": key and value are made of letters`},
		"TagValue":     {reason: "So is a value.", server: fakeServer{has: settings{}}, bucket: owned(tagsOf(map[string]string{"team": "a,b", "z": "ü"})), err: `spec.forProvider.tags["team"] of "a,b"`},
		"SmallQuota":   {reason: "A quota below what is there would block the bucket.", server: fakeServer{has: settings{}, objects: someObject, size: 3 << 30}, bucket: owned(quotaOf("1Gi")), err: "spec.forProvider.quota of 1Gi is less than the 3Gi that the bucket holds"},
		"StaleUpload": {
			reason: "Uploads that are older than a rule allows are given up, others are not.",
			server: fakeServer{has: settings{}, uploads: []miniogo.ObjectMultipartInfo{
				{Key: "tmp/old", Initiated: time.Now().AddDate(0, 0, -3)}, {Key: "tmp/new", Initiated: time.Now()}, {Key: "other", Initiated: time.Now().AddDate(0, 0, -3)},
			}},
			bucket: owned(func(b *miniov1alpha1.Bucket) {
				b.Spec.ForProvider.Lifecycle = []miniov1alpha1.LifecycleRule{{Prefix: "tmp/", AbortIncompleteUploadsAfterDays: new(int32(2))}}
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

			// The fake keeps the upload, so each look gives it up again.
			if len(f.calls) > len(tc.calls) && len(tc.calls) > 0 {
				f.calls = f.calls[:len(tc.calls)]
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

// TestCreateHealsAfterCrash loses the outcome of MakeBucket: the bucket is known
// to be the resource's own.
func TestCreateHealsAfterCrash(t *testing.T) {
	f, b := &fakeServer{fail: "MakeBucket"}, newBucket()
	meta.SetExternalCreatePending(b, time.Now())

	if err := reconcile(t, f, b); !errors.Is(err, errInjected) {
		t.Fatalf("want the injected error, got %v", err)
	}

	f.fail = ""
	if err := reconcile(t, f, b); err != nil || meta.GetExternalName(b) != "photos" {
		t.Errorf("want the bucket to be recorded, got %v", err)
	}
}

func TestDelete(t *testing.T) {
	objects := func() []miniogo.ObjectInfo {
		return []miniogo.ObjectInfo{{Key: "a", IsLatest: true}, {Key: "b", IsLatest: true}, {Key: "c", IsLatest: true}}
	}
	withLocking := func() settings { return settings{fileLocking: files()[fileLocking]} }

	cases := map[string]struct {
		reason  string
		server  fakeServer
		policy  miniov1alpha1.WhenNotEmpty
		calls   []string
		err     string
		purging string
	}{
		"Empty":        {reason: "An empty bucket goes.", server: fakeServer{has: settings{}}, calls: []string{"RemoveBucket"}},
		"Full":         {reason: "Objects keep the bucket.", server: fakeServer{has: settings{}, objects: objects()}, err: "still holds 3 objects"},
		"Upload":       {reason: "An incomplete upload keeps the bucket.", server: fakeServer{has: settings{}, uploads: []miniogo.ObjectMultipartInfo{{Key: "u"}}}, err: "still holds 1 incomplete upload"},
		"Purge":        {reason: "The server purges in one call.", server: fakeServer{has: settings{}, objects: objects(), uploads: []miniogo.ObjectMultipartInfo{{Key: "u"}}}, policy: miniov1alpha1.WhenNotEmptyPurge, calls: []string{"Abort u", "ForceDelete"}},
		"PurgeLocking": {reason: "What could be locked and is not goes one by one.", server: fakeServer{has: withLocking(), objects: objects()}, policy: miniov1alpha1.WhenNotEmptyPurge, calls: []string{"RemoveBucket"}},
		"PurgeLocked": {
			reason: "What is locked stays, and says so.", server: fakeServer{has: withLocking(), objects: objects(), locked: map[string]bool{"c": true}}, policy: miniov1alpha1.WhenNotEmptyPurge,
			err: `1 objects or versions are locked, such as "c" (GOVERNANCE until 2030-01-01T00:00:00Z)`, purging: "are locked",
		},
		"PurgeLong": {
			reason: "A step ends in time and says how far it came.", server: fakeServer{has: withLocking(), objects: objects(), slowness: purgeStep - time.Second}, policy: miniov1alpha1.WhenNotEmptyPurge,
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

			e := &external{s3: &f, admin: &f, server: &f, all: &f, glances: newGlances(), now: func() time.Time { return clock }}
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

// TestPurgeDoesNotStarve lets a step spend its time on objects that are locked:
// what is behind them is deleted all the same, and in the end the lock is told.
func TestPurgeDoesNotStarve(t *testing.T) {
	f, b, clock := fakeServer{has: settings{fileLocking: files()[fileLocking]}, locked: map[string]bool{"a": true, "b": true}}, newBucket(), time.Now()
	f.t, f.clock, f.slowness = t, &clock, purgeStep-time.Second

	for _, key := range []string{"a", "b", "c", "d"} {
		f.objects = append(f.objects, miniogo.ObjectInfo{Key: key, IsLatest: true})
	}

	meta.SetExternalName(b, b.Name)
	b.DeletionTimestamp = new(metav1.Now())
	b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge

	var err error

	for range 10 {
		e := &external{s3: &f, admin: &f, server: &f, all: &f, glances: newGlances(), now: func() time.Time { return clock }}
		if _, err = e.Observe(t.Context(), b); err == nil {
			_, err = e.Delete(t.Context(), b)
		}

		if len(f.objects) == 2 {
			f.slowness = 0
		}
	}

	if len(f.objects) != 2 || err == nil || !strings.Contains(err.Error(), "2 objects or versions are locked") {
		t.Errorf("want the locked objects to be left and told, got %d objects, %v", len(f.objects), err)
	}
}

// TestPurgeWaitsForLocks leaves a bucket alone of which all is locked, until a lock
// may be over.
func TestPurgeWaitsForLocks(t *testing.T) {
	begin := time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)

	cases := map[string]struct {
		reason string
		// slowness makes more than one step of a pass.
		slowness time.Duration
		until    time.Time
		after    time.Duration
		override bool
		// again says that the bucket is gone through once more.
		again bool
	}{
		"Soon":       {reason: "What was locked a moment ago is locked."},
		"Steps":      {reason: "A pass of many steps is one.", slowness: purgeStep - time.Second},
		"Hour":       {reason: "Other locks than the example's may be over.", after: passInterval, again: true},
		"Over":       {reason: "The example's lock is over.", until: begin.Add(2 * time.Minute), after: 3 * time.Minute, again: true},
		"Overridden": {reason: "Somebody changed the example's lock.", override: true, again: true},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f, b, clock, g := fakeServer{has: settings{fileLocking: files()[fileLocking]}, locked: map[string]bool{"a": true, "b": true, "c": true}}, newBucket(), begin, newGlances()
			f.t, f.clock, f.slowness, f.until = t, &clock, tc.slowness, tc.until

			for key := range f.locked {
				f.objects = append(f.objects, miniogo.ObjectInfo{Key: key, IsLatest: true})
			}

			slices.SortFunc(f.objects, func(a, b miniogo.ObjectInfo) int { return strings.Compare(a.Key, b.Key) })
			meta.SetExternalName(b, b.Name)
			b.DeletionTimestamp = new(metav1.Now())
			b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge

			try := func() error {
				e := &external{s3: &f, admin: &f, server: &f, all: &f, glances: g, now: func() time.Time { return clock }}

				_, err := e.Observe(t.Context(), b)
				if err == nil {
					_, err = e.Delete(t.Context(), b)
				}

				return err
			}

			var first error
			for range 5 {
				if first = try(); first != nil {
					break
				}
			}

			if first == nil || !strings.Contains(first.Error(), "3 objects or versions are locked") {
				t.Fatalf("%s\nwant the locks to be told, got %v", tc.reason, first)
			}

			listings := f.listings
			clock = clock.Add(tc.after)

			if tc.override {
				f.until = begin.AddDate(0, 0, 7)
			}

			again := try()
			if (f.listings > listings) != tc.again {
				t.Errorf("%s\nwant another pass: %t, got %d listings", tc.reason, tc.again, f.listings-listings)
			}

			if c := b.GetCondition(miniov1alpha1.ConditionPurging); !tc.again && (again == nil || again.Error() != first.Error() || !strings.Contains(c.Message, "3 objects or versions are locked")) {
				t.Errorf("%s\nwant the same to be said, got %v, %s", tc.reason, again, c.Message)
			}
		})
	}
}

// clean takes out of a text what no XML document can hold.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || r >= 0xFFFE {
			return -1
		}

		return r
	}, s)
}

func lifecycleXML(t *testing.T, rules []miniov1alpha1.LifecycleRule) []byte {
	t.Helper()

	b, err := xml.Marshal(lifecycle.Configuration{Rules: newRules(rules)})
	if err != nil {
		t.Fatal(err)
	}

	return b
}

func quotaJSON(t *testing.T, size int64) []byte {
	t.Helper()

	b, err := json.Marshal(madmin.BucketQuota{Size: uint64(size), Type: madmin.HardQuota})
	if err != nil {
		t.Fatal(err)
	}

	return b
}

// TestUpdateGoesOn lets a server's bucket hold more than its quota allows.
func TestUpdateGoesOn(t *testing.T) {
	b := newBucket()
	meta.SetExternalName(b, b.Name)
	b.Status.AtProvider.ManagedSettings = []string{"tags"}
	b.Spec.ForProvider = miniov1alpha1.BucketParameters{
		Versioning:      new(miniov1alpha1.VersioningEnabled),
		Quota:           new(resource.MustParse("1")),
		AnonymousAccess: new(miniov1alpha1.AnonymousAccessNone),
	}

	f := &fakeServer{
		has:     settings{filePolicy: []byte(downloadPolicy("photos")), fileTags: files()[fileTags]},
		objects: []miniogo.ObjectInfo{{Key: "a"}}, size: 100,
	}

	err := reconcile(t, f, b)
	if err == nil || !strings.Contains(err.Error(), "spec.forProvider.quota") {
		t.Fatalf("reconcile(...): want the quota to be refused, got %v", err)
	}

	if diff := cmp.Diff([]string{"SetBucketVersioning", "RemoveBucketTagging", "SetBucketPolicy"}, f.calls); diff != "" {
		t.Errorf("want the other settings to be written: -want, +got:\n%s", diff)
	}

	if diff := cmp.Diff([]string{"anonymousAccess", "versioning"}, b.Status.AtProvider.ManagedSettings); diff != "" {
		t.Errorf("want what was written, and only that, to be remembered: -want, +got:\n%s", diff)
	}
}

// TestUndoneIsNotUndoneAgain looks at a Bucket through a cache that does not know
// yet that its tags were undone: those that are there now are an administrator's.
func TestUndoneIsNotUndoneAgain(t *testing.T) {
	cached, live := newBucket(), newBucket()
	cached.Status.AtProvider.ManagedSettings = []string{"tags"}

	cases := map[string]struct {
		reason string
		live   *miniov1alpha1.Bucket
		want   []string
	}{
		"Known":   {reason: "What the resource has set is undone.", live: cached, want: []string{"tags"}},
		"Lagging": {reason: "What it has undone already is left alone.", live: live},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := &external{live: stored{bucket: tc.live}}

			amiss, err := e.stillManaged(t.Context(), cached, []setting{bucketTags})
			if err != nil {
				t.Fatal(err)
			}

			got := make([]string, 0, len(amiss))
			for _, s := range amiss {
				got = append(got, s.field)
			}

			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\nstillManaged(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
