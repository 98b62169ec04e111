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

// TestUsageLister expects only usages of a configuration's own namespace to be listed.
func TestUsageLister(t *testing.T) {
	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	usage := func(namespace string) *miniov1alpha1.ProviderConfigUsage {
		return &miniov1alpha1.ProviderConfigUsage{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "usage"}}
	}
	c := usageLister{Client: fake.NewClientBuilder().WithScheme(s).WithObjects(usage("team-a"), usage("team-b")).Build()}

	cases := map[string]struct {
		reason    string
		namespace string
		want      []string
	}{
		"Namespaced": {reason: "Usages of other namespaces are of other configurations.", namespace: "team-b", want: []string{"team-b"}},
		"Cluster":    {reason: "A ClusterProviderConfig is used from every namespace.", want: []string{"team-a", "team-b"}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string

			r := withNamespace{reconcile.Func(func(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
				usages := &miniov1alpha1.ProviderConfigUsageList{}
				err := c.List(ctx, usages)

				for _, u := range usages.Items {
					got = append(got, u.Namespace)
				}

				return reconcile.Result{}, err
			})}

			req := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: tc.namespace, Name: "own"}}
			if _, err := r.Reconcile(t.Context(), req); err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
