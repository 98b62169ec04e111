package minio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/sse"
	"github.com/minio/minio-go/v7/pkg/tags"
)

// What prepareAnswers makes on a server.
const (
	answersBucket = "answers"
	answersUser   = "answers-user"
	answersSecret = "answers-user-secret"
	answersPolicy = "answers-policy"
	answersGroup  = "answers-group"

	// answersKMSKey is the key of the server's KMS.
	answersKMSKey = "answers-key"

	answersDocument = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::answers/*"]}]}`
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

// answerCase is a call whose answer the provider decodes.
type answerCase struct {
	name string
	// user reports whether the call is made with a user's key.
	user bool
	call func(ctx context.Context, s *Server) (any, error)
	want any
	// is reports whether the error is the one that is wanted; nil if none is.
	is func(error) bool
}

func (c answerCase) run(t *testing.T, r *recording, endpoint string) {
	t.Helper()
	r.begin(c.name)

	s := newRecorded(t, endpoint, recordedKey, recordedSecret)
	if c.user {
		s = newRecorded(t, endpoint, answersUser, answersSecret)
	}

	got, err := c.call(t.Context(), s)
	if c.is == nil && err != nil || c.is != nil && !c.is(err) {
		t.Errorf("%s: unexpected error: %v", c.name, err)
	}

	// Times and the like are those of the recording.
	if diff := cmp.Diff(c.want, got, cmpopts.IgnoreTypes(time.Time{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: -want, +got:\n%s", c.name, diff)
	}
}

// prepareAnswers makes a bucket with all settings and contents, and a user.
func prepareAnswers(t *testing.T, s *Server) {
	t.Helper()

	ctx, s3 := t.Context(), s.S3()
	put := func(name string, o miniogo.PutObjectOptions) func() error {
		return func() error {
			text := strings.NewReader("some text")
			_, err := s3.PutObject(ctx, answersBucket, name, text, text.Size(), o)

			return err
		}
	}
	retained := miniogo.PutObjectOptions{Mode: miniogo.Governance, RetainUntilDate: time.Now().Add(time.Hour)}

	for _, do := range []func() error{
		func() error { return s3.MakeBucket(ctx, answersBucket, miniogo.MakeBucketOptions{ObjectLocking: true}) },
		put("object", miniogo.PutObjectOptions{}), put("object", miniogo.PutObjectOptions{}),
		put("deleted", miniogo.PutObjectOptions{}), put("locked", retained),
		func() error { return s3.RemoveObject(ctx, answersBucket, "deleted", miniogo.RemoveObjectOptions{}) },
		func() error {
			_, err := miniogo.Core{Client: s3}.NewMultipartUpload(ctx, answersBucket, "upload", miniogo.PutObjectOptions{})

			return err
		},
		func() error {
			return s3.SetObjectLockConfig(ctx, answersBucket, new(miniogo.Governance), new(uint(30)), new(miniogo.Days))
		},
		func() error {
			return s.Admin.SetBucketQuota(ctx, answersBucket, &madmin.BucketQuota{Quota: 1 << 30, Size: 1 << 30, Type: madmin.HardQuota})
		},
		func() error {
			return s3.SetBucketLifecycle(ctx, answersBucket, &lifecycle.Configuration{Rules: []lifecycle.Rule{
				{ID: "a", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: "a/"}, Expiration: lifecycle.Expiration{Days: 7}},
				{ID: "b", Status: "Enabled", NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 3}},
			}})
		},
		func() error {
			t, err := tags.MapToBucketTags(map[string]string{"team": "a", "cost": "b"})
			if err != nil {
				return err
			}

			return s3.SetBucketTagging(ctx, answersBucket, t)
		},
		func() error { return s3.SetBucketEncryption(ctx, answersBucket, sse.NewConfigurationSSES3()) },
		func() error {
			return s3.SetBucketPolicy(ctx, answersBucket,
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::answers/*"]}]}`)
		},
		func() error { return s.Admin.AddUser(ctx, answersUser, answersSecret) },
		func() error { return s.Admin.AddCannedPolicy(ctx, answersPolicy, []byte(answersDocument)) },
		func() error {
			return s.Admin.SetPolicy(ctx, answersPolicy, answersUser, false) //nolint:staticcheck // The provider makes this call.
		},
		func() error {
			return s.Admin.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: answersGroup, Members: []string{answersUser}})
		},
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
}

// listed is what the provider reads of a version of an object, or of an upload.
type listed struct {
	Key                    string
	IsLatest, IsMarker, ID bool
}

func listVersions(ctx context.Context, s *Server) (any, error) {
	var all []listed

	for o := range s.S3().ListObjectsIter(ctx, answersBucket, miniogo.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			return nil, o.Err
		}

		all = append(all, listed{o.Key, o.IsLatest, o.IsDeleteMarker, o.VersionID != ""})
	}

	return all, nil
}

func listUploads(ctx context.Context, s *Server) (any, error) {
	got, err := miniogo.Core{Client: s.S3()}.ListMultipartUploads(ctx, answersBucket, "", "", "", "", 1000)

	all := make([]listed, 0, len(got.Uploads))
	for _, u := range got.Uploads {
		all = append(all, listed{Key: u.Key, ID: u.UploadID != "" && !u.Initiated.IsZero()})
	}

	return all, err
}

// removeObject deletes one version as a purge does. In a recording its ID is that of the server.
func removeObject(key string, version func(ctx context.Context, s *Server) string) func(context.Context, *Server) (any, error) {
	return func(ctx context.Context, s *Server) (any, error) {
		objects := iter.Seq[miniogo.ObjectInfo](func(yield func(miniogo.ObjectInfo) bool) {
			yield(miniogo.ObjectInfo{Key: key, VersionID: version(ctx, s)})
		})

		results, err := s.S3().RemoveObjectsWithIter(ctx, answersBucket, objects, miniogo.RemoveObjectsOptions{})
		if err != nil {
			return nil, err
		}

		var names []string

		for r := range results {
			names = append(names, r.ObjectName)
			err = errors.Join(err, r.Err)
		}

		return names, err
	}
}

// versionOf returns the ID of the latest version of an object.
func versionOf(key string) func(ctx context.Context, s *Server) string {
	return func(ctx context.Context, s *Server) string {
		for o := range s.S3().ListObjectsIter(ctx, answersBucket, miniogo.ListObjectsOptions{Recursive: true, WithVersions: true, Prefix: key}) {
			return o.VersionID
		}

		return ""
	}
}
