//go:build e2e

package component

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// erasure is a MinIO of four nodes behind one endpoint, and what uses it.
type erasure struct {
	*Cluster

	config string
	ns     string
}

// newErasure starts a MinIO of four nodes with one drive each: it reads while two of them run, and
// writes while three do.
func newErasure(t *testing.T) *erasure {
	t.Helper()

	e := &erasure{Cluster: newCluster(t, "four-nodes", 4, 1), config: "four-nodes"}

	endpoint, err := e.Endpoint()
	if err != nil {
		t.Fatal(err)
	}

	if err := env.configure(t.Context(), e.config, endpoint, e.Nodes[0]); err != nil {
		t.Fatal(err)
	}

	config := &miniov1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: e.config}}
	await.Change(t, env.Kube, config, func(c *miniov1alpha1.ClusterProviderConfig) {
		// Some calls get no answer while nodes are missing.
		c.Spec.Client = &miniov1alpha1.ClientOptions{Timeout: &metav1.Duration{Duration: 10 * time.Second}}
	})

	startProvider(t)

	e.ns = newNamespace(t)

	return e
}

// add creates resources that use the server.
func (e *erasure) add(t *testing.T, all ...resource.ModernManaged) {
	t.Helper()

	for _, mg := range all {
		mg.SetProviderConfigReference(&xpv1.ProviderConfigReference{Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: e.config})
		create(t, mg)
	}
}

// pair creates a Bucket and a User of it.
func (e *erasure) pair(t *testing.T, name string) (*miniov1alpha1.Bucket, *miniov1alpha1.User) {
	t.Helper()

	b := newBucket(e.ns, name)
	u := newUser(e.ns, name, miniov1alpha1.Grant{BucketName: b.Name, Access: miniov1alpha1.AccessReadWrite})
	e.add(t, b, u)

	return b, u
}

// secret returns the data of a User's connection Secret.
func (e *erasure) secret(t *testing.T, u *miniov1alpha1.User) map[string][]byte {
	t.Helper()

	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: u.Namespace, Name: u.Name}}
	if err := env.Kube.Get(t.Context(), client.ObjectKeyFromObject(s), s); err != nil {
		t.Fatal(err)
	}

	return s.Data
}

// client returns a client with a User's key, of the first node.
func (e *erasure) client(t *testing.T, u *miniov1alpha1.User) *miniogo.Client {
	t.Helper()

	s3, err := e.Nodes[0].Client(u.Status.AtProvider.AccessKeyID, string(e.secret(t, u)[miniov1alpha1.ConnectionKeySecretAccessKey]))
	if err != nil {
		t.Fatal(err)
	}

	return s3
}

// put writes the object of originals with a User's key.
func (e *erasure) put(t *testing.T, u *miniov1alpha1.User, bucket string) {
	t.Helper()

	s3 := e.client(t, u)

	await.For(t, "the key to write", func() error {
		_, err := s3.PutObject(t.Context(), bucket, object, strings.NewReader("data"), 4, miniogo.PutObjectOptions{})

		return err
	})
}

// rotated replaces a User's key and waits until that is published.
func (e *erasure) rotated(t *testing.T, u *miniov1alpha1.User, trigger string) {
	t.Helper()

	before := u.Status.AtProvider.AccessKeyID
	rotateNow(t, u, miniov1alpha1.Rotation{Trigger: trigger, Overlap: &metav1.Duration{}})
	await.For(t, "the key to be replaced", func() error {
		if err := settled(t.Context(), u); err != nil {
			return err
		}

		if u.Status.AtProvider.AccessKeyID == before {
			return errors.New("it is the same")
		}

		return nil
	})
}

// refused returns an error unless a resource says that the server cannot do what it wants.
func refused(ctx context.Context, mg resource.Managed) error {
	if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(mg), mg); err != nil {
		return err
	}

	if c := mg.GetCondition(xpv1.TypeSynced); c.Status != corev1.ConditionFalse || c.Message == "" {
		return fmt.Errorf("Synced is %s: %s", c.Status, c.Message)
	}

	return nil
}

// leave deletes resources and the configuration, and ends the server.
func (e *erasure) leave(t *testing.T, all ...resource.Managed) {
	t.Helper()

	for _, mg := range all {
		if b, ok := mg.(*miniov1alpha1.Bucket); ok {
			await.Change(t, env.Kube, b, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge })
		}
	}

	deleteAll(t, all)

	config := &miniov1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: e.config}}
	if err := env.Kube.Delete(t.Context(), config); err != nil {
		t.Error(err)
	}

	e.Close()
}

// TestNodesAreLost takes nodes from a distributed server. While one of four is missing, and while
// one that lost its drive comes back, all goes on: creation, rotation, purge and deletion. While
// two are missing the server writes nothing; resources say so and no key changes. Once they are
// back, all that was asked for happens by itself, and nothing is lost.
func TestNodesAreLost(t *testing.T) {
	ctx := t.Context()
	e := newErasure(t)

	b, u := e.pair(t, "first")
	purged, gone := e.pair(t, "purged")
	awaitSettled(t, []resource.Managed{b, u, purged, gone})
	e.put(t, u, b.Name)
	e.put(t, gone, purged.Name)

	e.Kill(3)
	e.rotated(t, u, "one node is missing")
	e.put(t, u, b.Name)

	second, leaving := e.pair(t, "second")
	awaitSettled(t, []resource.Managed{second, leaving})
	await.Change(t, env.Kube, purged, func(b *miniov1alpha1.Bucket) { b.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge })
	deleteAll(t, []resource.Managed{gone, purged})

	if err := errors.Join(e.LoseDrives(3), e.Restart(3), e.Ready(ctx)); err != nil {
		t.Fatal(err)
	}

	e.rotated(t, u, "a drive was lost")
	e.put(t, u, b.Name)

	before := maps.Clone(e.secret(t, u))

	e.Kill(2, 3)

	late, user := e.pair(t, "late")
	if err := errors.Join(env.Kube.Delete(ctx, second), env.Kube.Delete(ctx, leaving)); err != nil {
		t.Fatal(err)
	}

	for _, mg := range []resource.Managed{late, user, second, leaving} {
		await.For(t, mg.GetName()+" to be refused", func() error { return refused(ctx, mg) })
		t.Logf("%T: %s", mg, mg.GetCondition(xpv1.TypeSynced).Message)
	}

	if diff := cmp.Diff(before, e.secret(t, u)); diff != "" {
		t.Error("want the key to stay while the server cannot write, it changed")
	}

	if err := errors.Join(e.Restart(2, 3), e.Ready(ctx)); err != nil {
		t.Fatal(err)
	}

	awaitSettled(t, []resource.Managed{b, u, late, user})
	await.Gone(t, env.Kube, second)
	await.Gone(t, env.Kube, leaving)

	if diff := cmp.Diff(before, e.secret(t, u)); diff != "" {
		t.Error("want the key to be the same afterwards, it changed")
	}

	e.rotated(t, u, "all nodes are back")

	if _, err := e.client(t, u).StatObject(ctx, b.Name, object, miniogo.StatObjectOptions{}); err != nil {
		t.Errorf("want the object to be there, got %v", err)
	}

	e.leave(t, u, b, user, late)
}
