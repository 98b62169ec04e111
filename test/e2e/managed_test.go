//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	minio "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/platform"
)

// newBucket returns a Bucket whose name nobody else has.
func newBucket(ns, name string) *minio.Bucket {
	return &minio.Bucket{ObjectMeta: metav1.ObjectMeta{Name: ns + "-" + name, Namespace: ns}}
}

func create(t *testing.T, o client.Object) {
	t.Helper()

	if err := kube.Create(t.Context(), o); err != nil {
		t.Fatalf("cannot create %s: %v", o.GetName(), err)
	}
}

// waitCondition waits until a managed resource's condition has a status and
// contains a text.
func waitCondition(t *testing.T, mg resource.Managed, typ xpv1.ConditionType, status corev1.ConditionStatus, text string) {
	t.Helper()

	eventually(t, fmt.Sprintf("%s to be %s=%s", mg.GetName(), typ, status), func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(mg), mg); err != nil {
			return err
		}

		if c := mg.GetCondition(typ); c.Status != status || !strings.Contains(c.Message, text) {
			return fmt.Errorf("%s=%s: %s; Synced: %s", typ, c.Status, c.Message, mg.GetCondition(xpv1.TypeSynced).Message)
		}

		return nil
	})
}

func waitAvailable(t *testing.T, mg resource.Managed) {
	t.Helper()
	waitCondition(t, mg, xpv1.TypeReady, corev1.ConditionTrue, "")
}

// change changes a resource as it is now.
func change[T client.Object](t *testing.T, o T, f func(T)) {
	t.Helper()

	eventually(t, "a change of "+o.GetName(), func() error {
		if err := kube.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}

		f(o)

		return kube.Update(t.Context(), o)
	})
}

// look makes the provider look at a resource now, not at its next poll.
func look(t *testing.T, mg resource.Managed) {
	t.Helper()
	change(t, mg, func(mg resource.Managed) {
		meta.AddAnnotations(mg, map[string]string{"e2e/look": time.Now().String()})
	})
}

// TestExamples applies the examples of managed resources as they are.
func TestExamples(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)

	for _, f := range []string{"bucket.yaml", "policy.yaml", "user.yaml"} {
		mustKubectl(t, "", "apply", "--namespace", ns, "-f", filepath.Join(repo, "examples", "minio", f))
	}

	b := &minio.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "example-photos", Namespace: ns}}
	u := &minio.User{ObjectMeta: metav1.ObjectMeta{Name: "example-photos-reader", Namespace: ns}}
	waitAvailable(t, b)
	waitAvailable(t, u)

	ctx := t.Context()
	if err := put(ctx, admin.S3, b.Name, "photo"); err != nil {
		t.Fatal(err)
	}

	s3 := keysOf(t, u)

	if _, err := s3.StatObject(ctx, b.Name, "photo", minioStat); err != nil {
		t.Errorf("read: %v", err)
	}

	wantDenied(t, "write", put(ctx, s3, b.Name, "another"))
	wantDenied(t, "delete", remove(ctx, s3, b.Name, "photo"))
	wantDenied(t, "set a bucket policy", s3.SetBucketPolicy(ctx, b.Name, `{"Version":"2012-10-17","Statement":[]}`))

	empty(t, admin.S3, b.Name)
}

// TestBucketVersioning sets, changes and unsets versioning, and lets it drift.
func TestBucketVersioning(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "versioned")
	b.Spec.ForProvider.Versioning = new(minio.VersioningEnabled)
	create(t, b)
	waitAvailable(t, b)

	want := func(status string) {
		t.Helper()
		eventually(t, "versioning to be "+status, func() error {
			v, err := admin.S3.GetBucketVersioning(t.Context(), b.Name)
			if err == nil && v.Status != status {
				err = fmt.Errorf("it is %q", v.Status)
			}

			return err
		})
	}

	want("Enabled")

	change(t, b, func(b *minio.Bucket) { b.Spec.ForProvider.Versioning = new(minio.VersioningSuspended) })
	want("Suspended")

	if err := admin.S3.EnableVersioning(t.Context(), b.Name); err != nil {
		t.Fatal(err)
	}

	look(t, b)
	want("Suspended")
}

// TestBucketObjectLocking makes a bucket whose objects can be locked.
func TestBucketObjectLocking(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "locking")
	b.Spec.ForProvider.ObjectLocking = true
	b.Spec.ForProvider.Region = new("us-east-1")
	create(t, b)
	waitAvailable(t, b)

	if lock, _, _, _, err := admin.S3.GetObjectLockConfig(t.Context(), b.Name); err != nil || lock != "Enabled" {
		t.Errorf("want object locking, got %q, %v", lock, err)
	}

	for field, f := range map[string]func(*minio.Bucket){
		"objectLocking": func(b *minio.Bucket) { b.Spec.ForProvider.ObjectLocking = false },
		"region":        func(b *minio.Bucket) { b.Spec.ForProvider.Region = nil },
		"versioning":    func(b *minio.Bucket) { b.Spec.ForProvider.Versioning = new(minio.VersioningSuspended) },
	} {
		changed := b.DeepCopy()
		f(changed)

		if err := kube.Update(t.Context(), changed); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("change of %s: want it to be refused by name, got %v", field, err)
		}
	}
}

// TestBucketIsNotTaken lets a bucket exist: it is left alone until somebody asks
// to adopt it.
func TestBucketIsNotTaken(t *testing.T) {
	t.Parallel()

	ns := newNamespace(t)
	b := newBucket(ns, "taken")

	if err := admin.S3.MakeBucket(t.Context(), b.Name, minioMake); err != nil {
		t.Fatal(err)
	}

	create(t, b)
	waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, "was not made by this resource")

	// Deleting a resource that does not own the bucket leaves the bucket.
	if err := kube.Delete(t.Context(), b); err != nil {
		t.Fatal(err)
	}

	eventually(t, "the resource to be gone", func() error {
		err := kube.Get(t.Context(), client.ObjectKeyFromObject(b), &minio.Bucket{})
		if err == nil {
			return errors.New("it is there")
		}

		return client.IgnoreNotFound(err)
	})

	if there, err := admin.S3.BucketExists(t.Context(), b.Name); err != nil || !there {
		t.Fatalf("the bucket is gone: %v", err)
	}

	adopted := newBucket(ns, "taken")
	meta.SetExternalName(adopted, adopted.Name)
	create(t, adopted)
	waitAvailable(t, adopted)
}

// TestProviderConfig uses a configuration of the tenant's own namespace, and
// ones that cannot work.
func TestProviderConfig(t *testing.T) {
	t.Parallel()

	ctx, ns := t.Context(), newNamespace(t)

	keys, ca := &corev1.Secret{}, &corev1.ConfigMap{}
	if err := errors.Join(
		kube.Get(ctx, types.NamespacedName{Namespace: "minio", Name: "minio-admin"}, keys),
		kube.Get(ctx, types.NamespacedName{Namespace: "minio", Name: "minio-ca"}, ca)); err != nil {
		t.Fatal(err)
	}

	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "admin"}, Data: keys.Data})
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "wrong"}, Data: map[string][]byte{
		"accessKey": []byte("nobody"), "secretKey": []byte("nothing-that-works"),
	}})

	good := minio.ProviderConfigSpec{
		Endpoint:       platform.MinIOInsideURL,
		PublicEndpoint: "https://s3.example.org",
		Credentials:    minio.Credentials{SecretRef: minio.ObjectReference{Name: "admin"}},
		CABundle:       &minio.CABundle{Inline: ca.Data["ca.crt"]},
	}

	cases := map[string]struct {
		reason string
		change func(*minio.ProviderConfigSpec)
		text   string
	}{
		"Good": {
			reason: "A namespace's own configuration works.",
			change: func(*minio.ProviderConfigSpec) {},
		},
		"WrongKeys": {
			reason: "Keys that the server does not know are refused.",
			change: func(s *minio.ProviderConfigSpec) { s.Credentials.SecretRef.Name = "wrong" },
			text:   "The Access Key Id you provided does not exist",
		},
		"NoSecret": {
			reason: "A Secret that is missing is named.",
			change: func(s *minio.ProviderConfigSpec) { s.Credentials.SecretRef.Name = "missing" },
			text:   `cannot read "missing" in namespace "` + ns + `"`,
		},
		"Untrusted": {
			reason: "A certificate of an unknown authority is not trusted.",
			change: func(s *minio.ProviderConfigSpec) { s.CABundle = nil },
			text:   "certificate signed by unknown authority",
		},
		"Unreachable": {
			reason: "A host that does not exist is named.",
			change: func(s *minio.ProviderConfigSpec) { s.Endpoint = "https://nowhere.minio.svc:9000" },
			text:   "nowhere.minio.svc",
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pc := &minio.ProviderConfig{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: strings.ToLower(name)}, Spec: *good.DeepCopy()}
			tc.change(&pc.Spec)
			create(t, pc)

			b := newBucket(ns, pc.Name)
			b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: "ProviderConfig", Name: pc.Name}
			create(t, b)

			if tc.text != "" {
				waitCondition(t, b, xpv1.TypeSynced, corev1.ConditionFalse, tc.text)
			} else {
				waitAvailable(t, b)
			}

			// The configuration must outlive what was made with it.
			if err := kube.Delete(ctx, b); err != nil {
				t.Fatal(err)
			}

			eventually(t, "the Bucket to be gone", func() error {
				err := kube.Get(ctx, client.ObjectKeyFromObject(b), &minio.Bucket{})
				if err == nil {
					return errors.New("it is there")
				}

				return client.IgnoreNotFound(err)
			})
		})
	}

	t.Run("InUse", func(t *testing.T) {
		pc := &minio.ProviderConfig{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "in-use"}, Spec: *good.DeepCopy()}
		create(t, pc)

		b := newBucket(ns, pc.Name)
		b.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: "ProviderConfig", Name: pc.Name}
		create(t, b)
		waitAvailable(t, b)

		if err := kube.Delete(ctx, pc); err != nil {
			t.Fatal(err)
		}

		eventually(t, "the configuration to say that it is in use", func() error {
			if err := kube.Get(ctx, client.ObjectKeyFromObject(pc), pc); err != nil {
				return err
			}

			if pc.GetCondition("Terminating").Status != corev1.ConditionTrue {
				return errors.New("it does not")
			}

			return nil
		})

		// The Bucket is left: the namespace must go with it, though its
		// credentials go first.
	})

	t.Run("ForeignNamespace", func(t *testing.T) {
		pc := &minio.ProviderConfig{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "foreign"}, Spec: *good.DeepCopy()}
		pc.Spec.Credentials.SecretRef.Namespace = "minio"

		if err := kube.Create(ctx, pc); err == nil || !strings.Contains(err.Error(), "reads Secrets of its own namespace") {
			t.Errorf("want it to be refused, got %v", err)
		}
	})
}
