//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// Empty options of calls to minio-go.
var (
	statOptions miniogo.StatObjectOptions
	makeOptions miniogo.MakeBucketOptions
)

// newNamespace creates a namespace for a test. After the test it deletes the
// namespace and waits until it is gone: nothing that a tenant leaves behind may
// block the deletion.
func newNamespace(t *testing.T) string {
	t.Helper()

	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-"}}
	if err := kube.Create(t.Context(), ns); err != nil {
		t.Fatalf("cannot create a namespace: %v", err)
	}

	t.Cleanup(func() {
		if err := kube.Delete(context.Background(), ns); err != nil {
			t.Errorf("cannot delete the namespace: %v", err)
			return
		}

		await.Gone(t, kube, ns)
	})

	return ns.Name
}

// resourceVersions returns the generation and resource version of each object of a
// namespace that a claim or a test created, as one text.
func resourceVersions(t testing.TB, ns string) string {
	t.Helper()

	var text strings.Builder

	for _, list := range []client.ObjectList{
		&miniov1alpha1.BucketList{}, &miniov1alpha1.UserList{}, &miniov1alpha1.PolicyList{}, &corev1.SecretList{},
		&miniov1alpha1.ProviderConfigList{}, &miniov1alpha1.ProviderConfigUsageList{},
	} {
		if err := kube.List(t.Context(), list, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}

		if err := apimeta.EachListItem(list, func(o runtime.Object) error {
			item, err := apimeta.Accessor(o)
			if err == nil {
				fmt.Fprintf(&text, "%T %s %d %s; ", o, item.GetName(), item.GetGeneration(), item.GetResourceVersion())
			}

			return err
		}); err != nil {
			t.Fatal(err)
		}
	}

	return text.String()
}

// waitNoWrites waits until none of the objects of resourceVersions is written for
// a while.
func waitNoWrites(t testing.TB, ns string, while time.Duration) {
	t.Helper()

	is := resourceVersions(t, ns)

	await.For(t, fmt.Sprintf("nothing to be written for %s", while), func() error {
		was := is

		time.Sleep(while)

		if is = resourceVersions(t, ns); is != was {
			return fmt.Errorf("objects are still being written:\nbefore %s\nafter  %s", was, is)
		}

		return nil
	})
}

// mustKubectl runs kubectl and returns its output.
func mustKubectl(t testing.TB, stdin string, args ...string) string {
	t.Helper()

	out, err := plat.Kubectl(context.Background(), stdin, args...)
	if err != nil {
		t.Fatal(err)
	}

	return out
}

// wantKubectlError checks that kubectl fails with an error that contains all texts.
func wantKubectlError(t testing.TB, manifest string, args []string, texts ...string) {
	t.Helper()

	out, err := plat.Kubectl(context.Background(), manifest, args...)
	if err == nil {
		t.Fatalf("kubectl %s: want an error, got %s", strings.Join(args, " "), out)
	}

	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("kubectl %s: want an error that contains %q, got %v", strings.Join(args, " "), text, err)
		}
	}
}

// put writes an object of nine bytes.
func put(ctx context.Context, s3 *miniogo.Client, bucket, key string) error {
	const text = "some text"
	_, err := s3.PutObject(ctx, bucket, key, bytes.NewReader([]byte(text)), int64(len(text)), miniogo.PutObjectOptions{})

	return err
}

// list returns the keys of a bucket's objects.
func list(ctx context.Context, s3 *miniogo.Client, bucket string) ([]string, error) {
	keys := []string{}

	for o := range s3.ListObjects(ctx, bucket, miniogo.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return nil, o.Err
		}

		keys = append(keys, o.Key)
	}

	return keys, nil
}

// remove deletes an object.
func remove(ctx context.Context, s3 *miniogo.Client, bucket, key string) error {
	return s3.RemoveObject(ctx, bucket, key, miniogo.RemoveObjectOptions{})
}

// wantDenied checks that the server denied an action, which failed with err.
func wantDenied(t testing.TB, action string, err error) {
	t.Helper()

	if code := miniogo.ToErrorResponse(err).Code; code != miniogo.AccessDenied {
		t.Errorf("%s: want AccessDenied, got %v", action, err)
	}
}
