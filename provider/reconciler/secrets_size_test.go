package reconciler

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/providertest"
)

// secretTransform returns what the cache does with Secrets before it holds them.
func secretTransform(t *testing.T) cache.TransformFunc {
	t.Helper()

	for o, c := range SecretCache() {
		if _, ok := o.(*corev1.Secret); ok && c.Transform != nil {
			return c.Transform
		}
	}

	t.Fatal("the cache holds Secrets as they are")

	return nil
}

// TestCachedSecretIsSmall expects the cache to hold no more of a Secret than its controller needs:
// tenants can create Secrets of the type that it holds.
func TestCachedSecretIsSmall(t *testing.T) {
	owners := func(uid types.UID) []metav1.OwnerReference {
		return []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "2"},
			{APIVersion: "minio.cistern.dev/v1alpha1", Kind: "User", Name: "photos", UID: uid, Controller: new(true)},
		}
	}
	large := strings.Repeat("x", 1000)

	for name, tc := range map[string]struct {
		reason string
		uid    types.UID
		want   []metav1.OwnerReference
	}{
		"Published": {reason: "The controller is needed.", uid: "1", want: owners("1")[1:]},
		"LargeUID":  {reason: "Tenants write owner references, too.", uid: types.UID(large)},
	} {
		t.Run(name, func(t *testing.T) {
			m := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
				Namespace: "team-a", Name: "photos", UID: "3", ResourceVersion: "4", OwnerReferences: owners(tc.uid),
				Annotations: map[string]string{"a": large}, Labels: map[string]string{"b": "c"}, Finalizers: []string{"d/e"},
				ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "f"}},
			}}

			got, err := secretTransform(t)(m)
			if err != nil {
				t.Fatal(err)
			}

			want := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
				Namespace: "team-a", Name: "photos", UID: "3", ResourceVersion: "4", OwnerReferences: tc.want,
			}}
			if diff := cmp.Diff(any(want), got); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestLargeSecretIsNotKept reads Secrets, and expects only one of an ordinary size to be kept.
func TestLargeSecretIsNotKept(t *testing.T) {
	for size, want := range map[int]bool{10 << 10: true, 300 << 10: false} {
		s := published("User", strings.Repeat("x", size))
		kube := fake.NewClientBuilder().WithScheme(providertest.NewScheme(t)).WithObjects(s).Build()
		c := newSecretClient(kube, kube, miniov1alpha1.UserKind)

		if err := c.Get(t.Context(), client.ObjectKeyFromObject(s), &corev1.Secret{}); err != nil {
			t.Fatal(err)
		}

		if kept := len(c.known) > 0; kept != want {
			t.Errorf("a Secret of %d bytes: want it to be kept: %t, got %t", size, want, kept)
		}
	}
}
