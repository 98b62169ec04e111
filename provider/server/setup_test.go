package server

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// TestOwnUses wants the uses in a configuration's own namespace to be counted.
func TestOwnUses(t *testing.T) {
	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	use := func(namespace string) *miniov1alpha1.ProviderConfigUsage {
		return &miniov1alpha1.ProviderConfigUsage{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "use"}}
	}
	c := ownUses{Client: fake.NewClientBuilder().WithScheme(s).WithObjects(use("team-a"), use("team-b")).Build()}

	cases := map[string]struct {
		reason    string
		namespace string
		want      []string
	}{
		"Namespaced": {reason: "What is used elsewhere is another configuration.", namespace: "team-b", want: []string{"team-b"}},
		"Cluster":    {reason: "One of the whole cluster is used from everywhere.", want: []string{"team-a", "team-b"}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string

			r := inNamespace{reconcile.Func(func(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
				uses := &miniov1alpha1.ProviderConfigUsageList{}
				err := c.List(ctx, uses)

				for _, u := range uses.Items {
					got = append(got, u.Namespace)
				}

				return reconcile.Result{}, err
			})}

			if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: tc.namespace, Name: "own"}}); err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
