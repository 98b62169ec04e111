//go:build e2e

package component

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// startProvider starts the provider and kills it at the end of the test.
func startProvider(t *testing.T, args ...string) *Provider {
	t.Helper()

	p, err := env.StartProvider(args...)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		p.Kill()

		if t.Failed() {
			t.Logf("the end of the provider's log:\n%s", env.Log())
		}

		if err := env.Races(); err != nil {
			t.Error(err)
		}
	})

	return p
}

// ownServers skips a test that starts servers of its own, to break or to exchange them, while the
// others use an external server.
func ownServers(t *testing.T) {
	t.Helper()

	if env.External != nil {
		skipped.Store(t.Name(), nil)
		t.Skip("it starts servers of its own, and says nothing about the one of MINIO_URL")
	}
}

// skipped holds the names of the tests that ownServers skipped.
var skipped sync.Map

// runID is part of the names that do not contain that of a namespace.
var runID = strings.ToLower(rand.Text()[:6])

// unique returns a name for a bucket or user that no earlier run left on an external server.
func unique(name string) string { return name + "-" + runID }

// newNamespace creates a namespace for a test.
func newNamespace(t *testing.T) string {
	t.Helper()

	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "component-"}}
	if err := env.Kube.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}

	return ns.Name
}

func create(t *testing.T, o client.Object) {
	t.Helper()

	if err := env.Kube.Create(t.Context(), o); err != nil {
		t.Fatalf("cannot create %s: %v", o.GetName(), err)
	}
}

// settled reads a resource and returns an error unless it is Ready, Synced with its current
// spec, and recorded as the owner of its external resource.
func settled(ctx context.Context, mg resource.Managed) error {
	if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(mg), mg); err != nil {
		return err
	}

	ready, synced := mg.GetCondition(xpv1.TypeReady), mg.GetCondition(xpv1.TypeSynced)
	if ready.Status != corev1.ConditionTrue || synced.Status != corev1.ConditionTrue {
		return fmt.Errorf("Ready is %s: %s %s; Synced is %s: %s", ready.Status, ready.Reason, ready.Message, synced.Status, synced.Message)
	}

	for _, c := range []xpv1.Condition{ready, synced} {
		if c.ObservedGeneration != mg.GetGeneration() {
			return fmt.Errorf("%s is of generation %d, the spec of %d", c.Type, c.ObservedGeneration, mg.GetGeneration())
		}
	}

	if owner := mg.GetAnnotations()[ownerUID]; owner != string(mg.GetUID()) {
		return fmt.Errorf("the recorded owner is %q, not %q", owner, mg.GetUID())
	}

	return nil
}

// gone returns an error while an object exists.
func gone(ctx context.Context, o client.Object) error {
	err := env.Kube.Get(ctx, client.ObjectKeyFromObject(o), o)
	if err == nil {
		return fmt.Errorf("%T %q still exists", o, o.GetName())
	}

	return client.IgnoreNotFound(err)
}

// namespaceEmpty returns an error while a namespace holds an object that the provider
// created.
func namespaceEmpty(ctx context.Context, namespace string) error {
	usages, secrets := &miniov1alpha1.ProviderConfigUsageList{}, &corev1.SecretList{}
	if err := errors.Join(
		env.Kube.List(ctx, usages, client.InNamespace(namespace)),
		env.Kube.List(ctx, secrets, client.InNamespace(namespace))); err != nil {
		return err
	}

	if n := len(usages.Items) + len(secrets.Items); n > 0 {
		return fmt.Errorf("%d ProviderConfigUsages and %d Secrets are left", len(usages.Items), len(secrets.Items))
	}

	return nil
}

func inventory(t *testing.T) Inventory {
	t.Helper()

	i, err := env.Server.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	return i
}

// newUser returns a User whose connection Secret has the User's name.
func newUser(ns, name string, grants ...miniov1alpha1.Grant) *miniov1alpha1.User {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns}}
	u.Spec.ForProvider.Grants = grants
	u.Spec.WriteConnectionSecretToReference = &xpv1.LocalSecretReference{Name: name}

	return u
}

// rotateNow replaces a User's key. It lets the present one seem older than it is, because
// two keys of a user are some seconds apart.
func rotateNow(t *testing.T, u *miniov1alpha1.User, r miniov1alpha1.Rotation) {
	t.Helper()

	await.For(t, "the age of a key", func() error {
		if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
			return err
		}

		u.Status.AtProvider.RotatedAt = new(metav1.NewTime(time.Now().Add(-time.Minute)))

		return env.Kube.Status().Update(t.Context(), u)
	})
	await.Change(t, env.Kube, u, func(u *miniov1alpha1.User) { u.Spec.ForProvider.Rotation = &r })
}

func newBucket(ns, name string) *miniov1alpha1.Bucket {
	return &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: ns + "-" + name, Namespace: ns}}
}

// connection returns the published connection of a User, and an error unless its Secret
// is complete and consistent.
func connection(ctx context.Context, u *miniov1alpha1.User) (miniov1alpha1.Connection, error) {
	s := &corev1.Secret{}
	if err := env.Kube.Get(ctx, types.NamespacedName{Namespace: u.Namespace, Name: u.Name}, s); err != nil {
		return miniov1alpha1.Connection{}, err
	}

	c := miniov1alpha1.Connection{
		Endpoint:        env.Endpoint,
		Region:          region,
		CACertificates:  string(env.ca.Cert),
		AccessKeyID:     u.Status.AtProvider.AccessKeyID,
		SecretAccessKey: string(s.Data[miniov1alpha1.ConnectionKeySecretAccessKey]),
	}
	if g := u.Spec.ForProvider.Grants; len(g) > 0 {
		c.BucketName = g[0].BucketName
	}

	if diff := cmp.Diff(c.Details(), s.Data); diff != "" || c.SecretAccessKey == "" {
		return c, fmt.Errorf("the connection Secret is not complete: -want, +got:\n%s", diff)
	}

	return c, nil
}

// works returns an error unless a key can read and write in its bucket, and cannot access
// another one.
func works(ctx context.Context, c miniov1alpha1.Connection) error {
	s3, err := env.Server.Client(c.AccessKeyID, c.SecretAccessKey)
	if err != nil {
		return err
	}

	const text = "some text"

	_, err = s3.PutObject(ctx, c.BucketName, "object", strings.NewReader(text), int64(len(text)), miniogo.PutObjectOptions{})
	if err == nil {
		err = s3.RemoveObject(ctx, c.BucketName, "object", miniogo.RemoveObjectOptions{})
	}

	if err != nil {
		return fmt.Errorf("the key does not work: %w", err)
	}

	_, err = s3.BucketExists(ctx, "not-granted")
	if code := miniogo.ToErrorResponse(err).Code; code != miniogo.AccessDenied {
		return fmt.Errorf("the key may access a bucket without a grant: want AccessDenied, got %w", err)
	}

	return nil
}

// revoked returns an error while the server accepts a key.
func revoked(ctx context.Context, c miniov1alpha1.Connection) error {
	s3, err := env.Server.Client(c.AccessKeyID, c.SecretAccessKey)
	if err != nil {
		return err
	}

	_, err = s3.BucketExists(ctx, c.BucketName)
	switch code := miniogo.ToErrorResponse(err).Code; code {
	case miniogo.InvalidAccessKeyID, "SignatureDoesNotMatch":
		return nil
	default:
		return fmt.Errorf("want the server to reject the key, got %w", err)
	}
}
