//go:build e2e

package component

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/minio/madmin-go/v3"
	miniogo "github.com/minio/minio-go/v7"
	s3lifecycle "github.com/minio/minio-go/v7/pkg/lifecycle"
	corev1 "k8s.io/api/core/v1"
	kresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// step is a method of a bed.
type step = func(*bed, context.Context) error

// situation is a part of the life of resources in which the provider makes calls.
type situation struct {
	// polls reports whether the provider learns by polls what it has to do.
	polls bool
	// prepare prepares the situation, before the fault, and start begins it.
	prepare, start step
	// holds returns an error if something happened that must never happen.
	holds step
	// done returns an error until all is well.
	done step
	// keys is how many keys may be made, with those that prepare made.
	keys int
}

// situations are those of the fault matrix. Together they call all of minio.Operations.
var situations = map[string]situation{
	"Create": {
		prepare: nothing,
		start:   (*bed).create,
		holds:   (*bed).readyIsTrue,
		done: func(b *bed, ctx context.Context) error {
			return errors.Join(b.settled(ctx), b.works(ctx), serves(ctx, b.buckets["set"].Name, everySettingServed()))
		},
		keys: 1,
	},
	"Change": {
		prepare: (*bed).createAndSettle,
		start:   (*bed).change,
		holds:   (*bed).keeps,
		done:    (*bed).changed,
		keys:    1,
	},
	"Poll": {
		polls:   true,
		prepare: (*bed).createAndSettle,
		start:   nothing,
		holds:   (*bed).keepsKey,
		done:    (*bed).unchanged,
		keys:    1,
	},
	"Repair": {
		polls:   true,
		prepare: (*bed).createAndSettle,
		start:   (*bed).spoil,
		holds:   (*bed).keeps,
		done:    (*bed).unchanged,
		keys:    1,
	},
	"Lost": {
		polls:   true,
		prepare: (*bed).createAndSettle,
		start:   (*bed).lose,
		holds:   (*bed).keeps,
		done:    (*bed).unchanged,
		keys:    1,
	},
	"Reset": {
		polls:   true,
		prepare: func(b *bed, ctx context.Context) error { return b.createUser(ctx, 1) },
		start:   (*bed).reset,
		holds:   (*bed).keeps,
		done:    func(b *bed, ctx context.Context) error { return b.rotated(ctx, 1) },
		keys:    3,
	},
	"Rotate": {
		prepare: func(b *bed, ctx context.Context) error { return b.createUser(ctx, 0) },
		start:   func(b *bed, ctx context.Context) error { return b.rotate(ctx, 1) },
		holds:   (*bed).keepsKey,
		done:    func(b *bed, ctx context.Context) error { return b.rotated(ctx, 1) },
		keys:    2,
	},
	"Retire": {
		prepare: func(b *bed, ctx context.Context) error { return b.createUser(ctx, 2) },
		start:   (*bed).retire,
		holds:   (*bed).keepsKey,
		done:    (*bed).retired,
		keys:    3,
	},
	"Delete": {
		prepare: (*bed).createFull,
		start:   (*bed).delete,
		holds:   (*bed).keepsContents,
		done:    (*bed).deleted,
		keys:    1,
	},
	"Purge": {
		prepare: (*bed).createPurged,
		start:   (*bed).purge,
		holds:   (*bed).keeps,
		done:    (*bed).purged,
	},
}

func nothing(*bed, context.Context) error { return nil }

// newBucket returns a Bucket of the cell.
func (b *bed) newBucket(name string, p miniov1alpha1.BucketParameters) *miniov1alpha1.Bucket {
	o := newBucket(b.ns, name)
	o.Spec.ForProvider = p
	o.SetProviderConfigReference(b.reference())
	b.buckets[name] = o

	return o
}

// userName is the name of the User of a bed, and of its connection Secret.
const userName = "user"

func (b *bed) newUser() *miniov1alpha1.User {
	b.user = newUser(b.ns, userName, miniov1alpha1.Grant{BucketName: b.home, Access: miniov1alpha1.AccessReadWrite})
	b.user.SetProviderConfigReference(b.reference())

	return b.user
}

// create creates one resource of each kind, and one more Bucket.
func (b *bed) create(ctx context.Context) error {
	b.policy = &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: b.ns + "-policy", Namespace: b.ns}}
	b.policy.Spec.ForProvider.Document = policyDocument("s3:GetObject")
	b.policy.SetProviderConfigReference(b.reference())

	b.newUser().Spec.ForProvider.Policies = []miniov1alpha1.PolicyAttachment{{PolicyName: b.policy.Name}}
	b.newBucket("set", everySetting())
	b.newBucket("plain", miniov1alpha1.BucketParameters{Versioning: new(miniov1alpha1.VersioningEnabled)})

	return b.createIn(ctx, b.all())
}

func (b *bed) createAndSettle(ctx context.Context) error {
	if err := b.create(ctx); err != nil {
		return err
	}

	return b.settle(ctx)
}

// createUser creates a User, and rotates its key some times.
func (b *bed) createUser(ctx context.Context, generation int64) error {
	b.newUser()

	if err := b.createIn(ctx, b.all()); err != nil {
		return err
	}

	for g := int64(1); g <= generation; g++ {
		if err := errors.Join(b.settle(ctx), b.rotate(ctx, g), b.until(ctx, func() error { return b.rotated(ctx, g) })); err != nil {
			return err
		}
	}

	return b.settle(ctx)
}

// createFull adds Buckets that are not empty.
func (b *bed) createFull(ctx context.Context) error {
	b.newBucket("full", miniov1alpha1.BucketParameters{})
	b.newBucket("upload", miniov1alpha1.BucketParameters{})

	if err := b.createAndSettle(ctx); err != nil {
		return err
	}

	_, err := (miniogo.Core{Client: env.Server.S3}).NewMultipartUpload(ctx, b.buckets["upload"].Name, keptObject, miniogo.PutObjectOptions{})

	return errors.Join(err, b.put(ctx, b.buckets["full"].Name, keptObject))
}

func (b *bed) createPurged(ctx context.Context) error {
	b.newBucket("plain", miniov1alpha1.BucketParameters{
		Versioning: new(miniov1alpha1.VersioningEnabled), WhenNotEmpty: miniov1alpha1.WhenNotEmptyPurge,
	})
	b.newBucket("locked", miniov1alpha1.BucketParameters{ObjectLocking: true, WhenNotEmpty: miniov1alpha1.WhenNotEmptyPurge})

	if err := errors.Join(b.createIn(ctx, b.all()), b.settle(ctx)); err != nil {
		return err
	}

	_, err := (miniogo.Core{Client: env.Server.S3}).NewMultipartUpload(ctx, b.buckets["plain"].Name, "begun", miniogo.PutObjectOptions{})

	for _, bucket := range b.buckets {
		// XML cannot hold the name of the third.
		for _, object := range []string{"a", "a", "b\x01"} {
			err = errors.Join(err, b.put(ctx, bucket.Name, object))
		}
	}

	return err
}

// change changes every resource. The server is asked for the size of a bucket that gets a
// quota and is not empty.
func (b *bed) change(ctx context.Context) error {
	return errors.Join(
		b.put(ctx, b.buckets["plain"].Name, keptObject),
		edit(ctx, b.buckets["plain"], func(o *miniov1alpha1.Bucket) { o.Spec.ForProvider.Quota = new(kresource.MustParse("1Gi")) }),
		edit(ctx, b.buckets["set"], func(o *miniov1alpha1.Bucket) {
			o.Spec.ForProvider = miniov1alpha1.BucketParameters{ObjectLocking: true, WhenNotEmpty: miniov1alpha1.WhenNotEmptyPurge}
		}),
		edit(ctx, b.user, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = new(false) }),
		edit(ctx, b.policy, func(p *miniov1alpha1.Policy) { p.Spec.ForProvider.Document = policyDocument("s3:PutObject") }))
}

// spoil changes on the server, by hand, what the resources say.
func (b *bed) spoil(ctx context.Context) error {
	set, s3 := b.buckets["set"].Name, env.Server.S3

	return errors.Join(
		s3.RemoveBucketTagging(ctx, set),
		s3.SetBucketLifecycle(ctx, set, s3lifecycle.NewConfiguration()),
		s3.RemoveBucketEncryption(ctx, set),
		s3.SetBucketPolicy(ctx, set, ""),
		s3.SetObjectLockConfig(ctx, set, nil, nil, nil),
		env.Server.SetBucketQuota(ctx, set, &madmin.BucketQuota{}),
		s3.SuspendVersioning(ctx, b.buckets["plain"].Name),
		env.Server.AddCannedPolicy(ctx, b.policy.Name, []byte(policyDocument("s3:PutObject"))),
		//nolint:staticcheck // It is the call that the provider makes.
		env.Server.SetPolicy(ctx, b.policy.Name, b.before.AccessKeyID, false),
		env.Server.RemoveCannedPolicy(ctx, b.before.AccessKeyID),
		env.Server.SetUserStatus(ctx, b.before.AccessKeyID, madmin.AccountDisabled))
}

// lose removes from the server, by hand, what the resources say.
func (b *bed) lose(ctx context.Context) error {
	return errors.Join(
		env.Server.RemoveUser(ctx, b.before.AccessKeyID),
		env.Server.RemoveCannedPolicy(ctx, b.policy.Name),
		env.Server.S3.RemoveBucket(ctx, b.buckets["plain"].Name))
}

// reset sets another secret key of the User's access key on the server, by hand.
func (b *bed) reset(ctx context.Context) error {
	return env.Server.UpdateServiceAccount(ctx, b.before.AccessKeyID, madmin.UpdateServiceAccountReq{NewSecretKey: "not-the-one-that-is-published"})
}

// rotate replaces the User's key, as rotateNow does.
func (b *bed) rotate(ctx context.Context, generation int64) error {
	if err := b.until(ctx, func() error {
		if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(b.user), b.user); err != nil {
			return err
		}

		b.user.Status.AtProvider.RotatedAt = new(metav1.NewTime(time.Now().Add(-time.Minute)))

		return env.Kube.Status().Update(ctx, b.user)
	}); err != nil {
		return err
	}

	return edit(ctx, b.user, func(u *miniov1alpha1.User) {
		u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Trigger: fmt.Sprint(generation)}
	})
}

func (b *bed) retire(ctx context.Context) error {
	return edit(ctx, b.user, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Rotation.Overlap = &metav1.Duration{} })
}

// delete deletes everything. The User, to which the Policy is attached, comes last: once the
// Policy says so, or after a moment, as a fault may keep it from saying so.
func (b *bed) delete(ctx context.Context) error {
	var err error

	for _, mg := range b.all() {
		if mg == b.user && b.policy != nil {
			b.awaitAttached(ctx)
		}

		err = errors.Join(err, env.Kube.Delete(ctx, mg))
	}

	return err
}

// awaitAttached waits until the Policy says what it is attached to, for some seconds at most.
func (b *bed) awaitAttached(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()

	// The call is made or not; what is expected of the situation does not depend on it.
	_ = await.Until(ctx, "the Policy to be in use", func() error {
		if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(b.policy), b.policy); err != nil {
			return err
		}

		if m := b.policy.GetCondition(xpv1.TypeSynced).Message; !strings.Contains(m, "is attached to") {
			return errors.New(m)
		}

		return nil
	})
}

// purge deletes everything while one object is locked, until purged unlocks it.
func (b *bed) purge(ctx context.Context) error {
	mode, until := miniogo.Governance, time.Now().Add(time.Hour)

	lock := miniogo.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until}

	return errors.Join(env.Server.S3.PutObjectRetention(ctx, b.buckets["locked"].Name, "a", lock), b.delete(ctx))
}

// connection returns the key that the User's Secret holds.
func (b *bed) connection(ctx context.Context) (miniov1alpha1.Connection, error) {
	s := &corev1.Secret{}
	if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(b.user), s); err != nil {
		return miniov1alpha1.Connection{}, err
	}

	return miniov1alpha1.Connection{
		BucketName:      b.home,
		AccessKeyID:     string(s.Data[miniov1alpha1.ConnectionKeyAccessKeyID]),
		SecretAccessKey: string(s.Data[miniov1alpha1.ConnectionKeySecretAccessKey]),
	}, nil
}
