//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	tenant "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// BenchmarkClaim claims buckets, one at a time, and reports how long it takes
// from the claim to Ready: median and 95th percentile.
//
//	_output/bin/dev run -- go test -tags fips,e2e -run '^$' -bench Claim -benchtime 20x ./test/e2e
func BenchmarkClaim(b *testing.B) {
	ctx := context.Background()

	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-"}}
	if err := kube.Create(ctx, ns); err != nil {
		b.Fatal(err)
	}

	b.Cleanup(func() {
		if err := kube.Delete(ctx, ns); err != nil {
			b.Error(err)
		}
	})

	took := make([]time.Duration, 0, b.N)

	for i := range b.N {
		c := &tenant.Bucket{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: fmt.Sprintf("claim-%d", i)}}
		start := time.Now()

		if err := kube.Create(ctx, c); err != nil {
			b.Fatal(err)
		}

		eventually(b, "the claim to be ready", func() error {
			err := kube.Get(ctx, client.ObjectKeyFromObject(c), c)
			if err == nil && c.Status.GetCondition(xpv1.TypeReady).Status != corev1.ConditionTrue {
				err = fmt.Errorf("%s", c.Status.GetCondition(tenant.ConditionProvisioned).Message)
			}

			return err
		})

		took = append(took, time.Since(start))
	}

	slices.Sort(took)

	for name, p := range map[string]int{"p50-s": 50, "p95-s": 95} {
		b.ReportMetric(took[(len(took)-1)*p/100].Seconds(), name)
	}
}
