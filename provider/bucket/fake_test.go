package bucket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/sse"
	"github.com/minio/minio-go/v7/pkg/tags"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

var errInjected = errors.New("injected")

const lockingEnabled = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"

// fakeServer is a server with one bucket.
type fakeServer struct {
	t *testing.T
	// metadata of the bucket; nil if the bucket does not exist.
	metadata metadata
	// outdated reports whether the server shows no metadata until a setting is written.
	outdated bool
	// snapshot is the metadata of the bucket in a snapshot; nil if there is no snapshot.
	snapshot metadata
	objects  []miniogo.ObjectInfo
	uploads  []miniogo.ObjectMultipartInfo
	// size is how many bytes the bucket holds.
	size uint64
	// locked holds the keys of locked objects. Their locks end at lockedUntil, or in 2030
	// if that is zero.
	locked      map[string]bool
	lockedUntil time.Time
	// lifted is set if all locks are lifted before one is read.
	lifted bool

	// replicated reports whether the server replicates the bucket.
	replicated bool

	// gone are the calls that find the bucket gone.
	gone []string
	// fail is the name of a call that returns errInjected.
	fail string
	// calls are the names of the calls that changed something.
	calls []string
	// exports counts the exports of the bucket's metadata, and listings those of its
	// objects.
	exports, listings int

	// clock moves on by slowness with each object that is listed.
	clock    *time.Time
	slowness time.Duration
}

// newExternal returns a client of f with an empty memory, which reads b from the API
// server.
func newExternal(f *fakeServer, b *miniov1alpha1.Bucket) *external {
	now := time.Now
	if f.clock != nil {
		now = func() time.Time { return *f.clock }
	}

	return &external{s3: f, admin: f, server: f, live: stored{bucket: b}, memories: reconciler.NewMemory[memory](), now: now}
}

func (f *fakeServer) call(name string) error {
	f.calls = append(f.calls, name)
	if f.fail == name {
		return errInjected
	}

	return nil
}

// missing returns the answer to a call that finds the bucket gone; nil for any other.
func (f *fakeServer) missing(name string) error {
	if slices.Contains(f.gone, name) {
		return miniogo.ErrorResponse{Code: miniogo.NoSuchBucket, RequestID: "1", StatusCode: http.StatusNotFound}
	}

	return nil
}

func (f *fakeServer) BucketSnapshot(context.Context, func(string) bool) map[string]minio.BucketFiles {
	if f.snapshot == nil {
		return nil
	}

	return map[string]minio.BucketFiles{"photos": minio.BucketFiles(f.snapshot)}
}

func (f *fakeServer) ExportBucketMetadata(context.Context, string) (io.ReadCloser, error) {
	f.exports++

	if f.metadata == nil {
		return nil, madmin.ErrorResponse{Code: "NoSuchBucket", RequestID: "1"}
	}

	shown := f.metadata
	if f.outdated {
		shown = metadata{}
	}

	return io.NopCloser(bytes.NewReader(export(f.t, "photos", shown))), nil
}

func (f *fakeServer) BucketUsage(context.Context) ([]minio.BucketUsage, error) {
	return []minio.BucketUsage{{Name: "photos", Size: f.size}}, nil
}

func (f *fakeServer) SetBucketQuota(_ context.Context, _ string, q *madmin.BucketQuota) error {
	f.metadata[fileQuota] = quotaJSON(f.t, int64(q.Size))

	return f.call("SetBucketQuota")
}

func (f *fakeServer) MakeBucket(_ context.Context, _ string, o miniogo.MakeBucketOptions) error {
	f.metadata = metadata{}
	if o.ObjectLocking {
		f.metadata[fileLocking] = []byte(lockingEnabled)
	}

	return f.call("MakeBucket")
}

func (f *fakeServer) RemoveBucket(context.Context, string) error {
	if err := f.missing("RemoveBucket"); err != nil {
		return err
	}

	f.metadata = nil

	return f.call("RemoveBucket")
}

func (f *fakeServer) RemoveBucketWithOptions(_ context.Context, _ string, o miniogo.RemoveBucketOptions) error {
	if !o.ForceDelete {
		return errors.New("ForceDelete is not set")
	}

	if err := f.missing("ForceDelete"); err != nil {
		return err
	}

	if f.replicated {
		f.calls = append(f.calls, "ForceDelete")

		return miniogo.ErrorResponse{Code: "MethodNotAllowed", RequestID: "1", StatusCode: http.StatusMethodNotAllowed}
	}

	f.metadata, f.objects = nil, nil

	return f.call("ForceDelete")
}

func (f *fakeServer) SetBucketVersioning(_ context.Context, _ string, c miniogo.BucketVersioningConfiguration) error {
	f.outdated = false
	f.metadata[fileVersioning] = []byte("<VersioningConfiguration><Status>" + c.Status + "</Status></VersioningConfiguration>")

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

		if err := f.missing("ListObjects"); err != nil {
			yield(miniogo.ObjectInfo{Err: err})

			return
		}

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
	return miniogo.ListMultipartUploadsResult{Uploads: f.uploads}, f.missing("ListMultipartUploads")
}

func (f *fakeServer) AbortMultipartUpload(_ context.Context, _, object, _ string) error {
	f.uploads = slices.DeleteFunc(f.uploads, func(u miniogo.ObjectMultipartInfo) bool { return u.Key == object })

	return f.call("Abort " + object)
}

func (f *fakeServer) RemoveObjectsWithIter(_ context.Context, _ string, objects iter.Seq[miniogo.ObjectInfo], o miniogo.RemoveObjectsOptions) (iter.Seq[miniogo.RemoveObjectResult], error) {
	if o.GovernanceBypass {
		return nil, errors.New("the provider tried to bypass a lock")
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
	if f.lifted {
		f.locked = nil

		return nil, nil, miniogo.ErrorResponse{Code: "NoSuchObjectLockConfiguration"}
	}

	if !f.lockedUntil.IsZero() {
		return new(miniogo.Governance), &f.lockedUntil, nil
	}

	return new(miniogo.Governance), new(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)), nil
}

func newBucket() *miniov1alpha1.Bucket {
	return &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "photos", Namespace: "team-a"}}
}

// stored reads one Bucket as the API server stores it.
type stored struct {
	client.Reader

	bucket *miniov1alpha1.Bucket
}

func (s stored) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	s.bucket.DeepCopyInto(obj.(*miniov1alpha1.Bucket))

	return nil
}
