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

// TestShutdown tells the provider to stop in the middle of a burst, as
// Kubernetes does when it moves or updates it. It ends by itself, soon and well,
// and the next one finishes the work.
func TestShutdown(t *testing.T) {
	const (
		each = 15
		// within is less than the time after which Kubernetes kills, 30 s.
		within = 10 * time.Second
	)

	ns, home := newHome(t)
	before := inventory(t)
	p := startProvider(t)

	all, users := make([]resource.Managed, 0, 2*each), make([]*miniov1alpha1.User, 0, each)

	for i := range each {
		u := newUser(ns, fmt.Sprintf("burst-%d", i), miniov1alpha1.Grant{BucketName: home, Access: miniov1alpha1.AccessReadWrite})
		users = append(users, u)
		all = append(all, newBucket(ns, fmt.Sprintf("burst-%d", i)), u)
	}

	from := bed.Wire.Now()

	for _, mg := range all {
		create(t, mg)
	}

	await.For(t, "the burst to be on its way", func() error {
		if calls, _ := bed.Wire.Calls(from); len(calls) < 20*each {
			return errors.New("it has just begun")
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

	t.Logf("ended %s after it was told to, with %d of %d resources ready", time.Since(begin).Round(time.Millisecond), ready, len(all))

	if ready == len(all) {
		t.Error("the provider was not told to stop in the middle of anything")
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
		if err := bed.Kube.Delete(t.Context(), mg); err != nil {
			t.Error(err)
		}
	}

	await.For(t, "everything to be gone", func() error {
		for _, mg := range all {
			if err := gone(t.Context(), mg); err != nil {
				return err
			}
		}

		return errors.Join(empty(t.Context(), ns), gained(t, before, 0, 0, 0, 0))
	})
}
