//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
)

// mostCost bounds what a claim may cost the API server, when ten are made at once. The bounds
// leave room for a machine that is busy with other work: then the provider's writes reach
// Crossplane one by one, and each of them costs a pass. docs/performance.md has the figures.
var mostCost = api.ClaimCost{Requests: 115, Passes: 12, SecretReads: 28, EventWrites: 10, ProviderWrites: 6}

// quietTime is how long there must be no write before what was made counts as done.
const quietTime = 3 * time.Second

// TestCostOfClaims makes claims at once and counts the requests to the API server. It is not
// parallel, because it counts those of all clients.
func TestCostOfClaims(t *testing.T) {
	const n = 10

	ns := newNamespace(t)
	before := countRequests(t)

	for i := range n {
		create(t, &tenantv1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: fmt.Sprintf("cost-%d", i)}})
	}

	for i := range n {
		waitReady(t, ns, fmt.Sprintf("cost-%d", i))
	}

	// The last passes follow the last change of a claim, and change nothing.
	after, changed := before, time.Now()

	await.For(t, "the requests for claims to end", func() error {
		now := countRequests(t)
		if more := now.Since(after); more.Sum([]string{"APPLY", "PUT", "PATCH", "POST"}) > 0 {
			after, changed = now, time.Now()
		}

		if quiet := time.Since(changed); quiet < quietTime {
			return fmt.Errorf("the last was seen %s ago", quiet)
		}

		return nil
	})

	got := after.Since(before)
	cost := got.Cost(n)
	t.Logf("each of %d claims costs %+v", n, cost)

	var above []string

	for _, c := range []struct {
		what      string
		got, most float64
	}{
		{"requests", cost.Requests, mostCost.Requests},
		{"passes of Crossplane", cost.Passes, mostCost.Passes},
		{"reads of Secrets", cost.SecretReads, mostCost.SecretReads},
		{"writes of events", cost.EventWrites, mostCost.EventWrites},
		{"writes of Bucket and User by the provider", cost.ProviderWrites, mostCost.ProviderWrites},
	} {
		if c.got > c.most {
			above = append(above, fmt.Sprintf("%.1f %s, at most %.0f", c.got, c.what, c.most))
		}
	}

	if len(above) > 0 {
		t.Errorf("want claims to cost no more than before, got %s of each claim: %v", strings.Join(above, "; "), got)
	}
}

func countRequests(t *testing.T) api.Requests {
	t.Helper()

	r, err := api.CountRequests(t.Context(), plat)
	if err != nil {
		t.Fatal(err)
	}

	return r
}
