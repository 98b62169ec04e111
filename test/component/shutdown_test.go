//go:build e2e

package component

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestShutdownDuringBurst stops the provider with SIGTERM in the middle of a burst, as
// Kubernetes does in a rollout. The provider must end in time with exit code 0, and the
// next one must complete the work.
func TestShutdownDuringBurst(t *testing.T) {
	const (
		each = 15
		// within is well below the 30 s after which Kubernetes sends SIGKILL.
		within = 10 * time.Second
	)

	ns, home := newHome(t)
	before := inventory(t)
	p := startProvider(t)

	all := make([]resource.Managed, 0, 2*each)
	users := make([]*miniov1alpha1.User, 0, each)

	for i := range each {
		u := newUser(ns, fmt.Sprintf("burst-%d", i), miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
		users = append(users, u)
		all = append(all, newBucket(ns, fmt.Sprintf("burst-%d", i)), u)
	}

	from := env.Proxy.Now()

	for _, mg := range all {
		create(t, mg)
	}

	await.For(t, "the burst to be under way", func() error {
		if calls, _ := env.Proxy.Calls(from); len(calls) < 20*each {
			return fmt.Errorf("only %d calls so far", len(calls))
		}

		return nil
	})

	begin := time.Now()

	if err := p.Stop(within); err != nil {
		t.Fatal(err)
	}

	ready := 0

	for _, mg := range all {
		if settled(t.Context(), mg) == nil {
			ready++
		}
	}

	t.Logf("ended %s after SIGTERM, with %d of %d resources ready", time.Since(begin).Round(time.Millisecond), ready, len(all))

	if ready == len(all) {
		t.Error("the provider was stopped after the burst, not in the middle of it")
	}

	startProvider(t)
	awaitSettled(t, all)

	for _, u := range users {
		c, err := connection(t.Context(), u)
		if err == nil {
			err = works(t.Context(), c)
		}

		if err != nil {
			t.Errorf("%s: %v", u.Name, err)
		}
	}

	if err := gained(t, before, each, each, 0, each); err != nil {
		t.Error(err)
	}

	for _, mg := range all {
		if err := env.Kube.Delete(t.Context(), mg); err != nil {
			t.Error(err)
		}
	}

	await.For(t, "everything to be gone", func() error {
		for _, mg := range all {
			if err := gone(t.Context(), mg); err != nil {
				return err
			}
		}

		return errors.Join(namespaceEmpty(t.Context(), ns), gained(t, before, 0, 0, 0, 0))
	})
}
