//go:build e2e

package component

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// leaseNamespace is where replicas keep their Lease.
const leaseNamespace = "default"

// TestReplicas runs two replicas of the provider. Only one reconciles; the standby answers webhooks. When the leader
// is killed under load, the standby completes the work once the lease has ended, and no user gets a second key. When
// the leader is stopped, the standby does not wait for that.
func TestReplicas(t *testing.T) {
	const each = 10

	ns, home := newHome(t)
	before := inventory(t)

	leader := startReplica(t)
	await.For(t, "the first replica to lead", func() error { return leads(t.Context(), leader, true) })

	w, err := env.newWebhooks()
	if err != nil {
		t.Fatal(err)
	}

	standby := startReplica(t, w.args...)
	await.For(t, "the second replica to start", func() error { return leads(t.Context(), standby, false) })

	full := newBucket(ns, "full")
	create(t, full)
	awaitSettled(t, []resource.Managed{full})
	wantStandbyAnswers(t, w, full)

	all, users := burst(t, ns, home, each)
	killed, renewed := time.Now(), lease(t).Spec.RenewTime.Time

	leader.Kill()

	if ready := countSettled(t, all); ready == len(all) {
		t.Error("the leader was killed after the burst, not in the middle of it")
	}

	await.For(t, "the standby to lead", func() error { return leads(t.Context(), standby, true) })
	t.Logf("the standby leads %s after the leader was killed", time.Since(killed).Round(100*time.Millisecond))

	l := lease(t)
	if waited, want := l.Spec.AcquireTime.Sub(renewed), time.Duration(*l.Spec.LeaseDurationSeconds)*time.Second; waited < want {
		t.Errorf("the standby led %s after the leader's last renewal, while the leader had the lease for %s", waited, want)
	}

	awaitSettled(t, all)
	wantOneKeyEach(t, users, before, each)

	if err := env.Kube.Delete(t.Context(), full); err == nil || !strings.Contains(err.Error(), "still holds") {
		t.Errorf("want the new leader to deny the deletion of a bucket that is not empty, got %v", err)
	}

	wantHandover(t, standby)

	if err := env.Server.S3.RemoveObject(t.Context(), full.Name, "object", miniogo.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	removeAll(t, append(all, full), before)
}

// startReplica starts a provider that takes part in the leader election.
func startReplica(t *testing.T, args ...string) *Provider {
	t.Helper()

	return startProvider(t, append([]string{"--leader-election", "--leader-election-namespace=" + leaseNamespace}, args...)...)
}

// leads returns an error unless the metrics of a replica say whether it leads as wanted.
func leads(ctx context.Context, p *Provider, want bool) error {
	text, err := p.metricsText(ctx)
	if err != nil {
		return err
	}

	got := ""

	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, `leader_election_master_status{name="provider-minio"} `); ok {
			got = strings.TrimSpace(value)
		}
	}

	if want != (got == "1") || got == "" {
		return fmt.Errorf("leader_election_master_status is %q", got)
	}

	return nil
}

// lease returns the Lease of the replicas.
func lease(t *testing.T) *coordinationv1.Lease {
	t.Helper()

	l := &coordinationv1.Lease{}
	if err := env.Kube.Get(t.Context(), client.ObjectKey{Namespace: leaseNamespace, Name: "provider-minio"}, l); err != nil {
		t.Fatal(err)
	}

	return l
}

// wantStandbyAnswers has the API server call the webhooks of the standby, and checks that they deny the deletion of a
// bucket in which it puts an object.
func wantStandbyAnswers(t *testing.T, w webhooks, full *miniov1alpha1.Bucket) {
	t.Helper()

	configurations, err := env.configurations(w.address)
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range configurations {
		create(t, c)
		t.Cleanup(func() { _ = env.Kube.Delete(context.Background(), c) })
	}

	const text = "some text"

	_, err = env.Server.S3.PutObject(t.Context(), full.Name, "object", strings.NewReader(text), int64(len(text)), miniogo.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}

	await.For(t, "the standby to answer", func() error {
		err := env.Kube.Delete(t.Context(), full, client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "still holds") {
			return fmt.Errorf("want the deletion to be denied, got %w", err)
		}

		return nil
	})
}

// burst creates Buckets and Users, and returns them once some calls were made for them.
func burst(t *testing.T, ns, home string, each int) (all []resource.Managed, users []*miniov1alpha1.User) {
	t.Helper()

	from := env.Proxy.Now()

	for i := range each {
		u := newUser(ns, fmt.Sprintf("replicas-%d", i), miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
		users = append(users, u)
		all = append(all, u, newBucket(ns, fmt.Sprintf("replicas-%d", i)))
		create(t, all[2*i])
		create(t, all[2*i+1])
	}

	await.For(t, "the burst to be under way", func() error {
		if calls, _ := env.Proxy.Calls(from); len(calls) < 10*each {
			return fmt.Errorf("only %d calls so far", len(calls))
		}

		return nil
	})

	return all, users
}

// countSettled returns how many resources are settled.
func countSettled(t *testing.T, all []resource.Managed) int {
	t.Helper()

	ready := 0

	for _, mg := range all {
		if settled(t.Context(), mg) == nil {
			ready++
		}
	}

	return ready
}

// wantOneKeyEach checks that each User's key works, and that the server has one user for each and no other key.
func wantOneKeyEach(t *testing.T, users []*miniov1alpha1.User, before Inventory, buckets int) {
	t.Helper()

	keys := map[string]bool{}

	for _, u := range users {
		c, err := connection(t.Context(), u)
		if err == nil {
			err = works(t.Context(), c)
		}

		if err != nil {
			t.Errorf("%s: %v", u.Name, err)
		}

		keys[c.AccessKeyID] = true
	}

	if len(keys) != len(users) {
		t.Errorf("want %d keys, got %d", len(users), len(keys))
	}

	// The bucket with an object is one more.
	if err := gained(t, before, buckets+1, len(users), 0, len(users)); err != nil {
		t.Error(err)
	}
}

// wantHandover starts a further replica, stops the leader, and checks that the other one leads before the lease has
// ended.
func wantHandover(t *testing.T, leader *Provider) {
	t.Helper()

	next := startReplica(t)
	await.For(t, "the third replica to start", func() error { return leads(t.Context(), next, false) })

	if err := leader.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}

	stopped := time.Now()

	await.For(t, "the third replica to lead", func() error { return leads(t.Context(), next, true) })
	t.Logf("the third replica leads %s after the leader has ended", time.Since(stopped).Round(100*time.Millisecond))

	if l := lease(t); l.Spec.AcquireTime.After(stopped.Add(time.Duration(*l.Spec.LeaseDurationSeconds) * time.Second)) {
		t.Error("the third replica waited for the lease to end")
	}
}

// removeAll deletes resources without the webhooks, whose replica has ended, and waits until nothing is left of them.
func removeAll(t *testing.T, all []resource.Managed, before Inventory) {
	t.Helper()

	configurations, err := env.configurations("unused")
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range configurations {
		if err := env.Kube.Delete(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}

	for _, mg := range all {
		// The API server needs a moment to forget the webhooks.
		await.For(t, "the deletion to begin", func() error { return env.Kube.Delete(t.Context(), mg) })
	}

	await.For(t, "everything to be gone", func() error {
		for _, mg := range all {
			if err := gone(t.Context(), mg); err != nil {
				return err
			}
		}

		return gained(t, before, 0, 0, 0, 0)
	})
}
