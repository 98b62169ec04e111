//go:build e2e

package component

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// TestUsersOfDirectory uses a server that takes its users from a directory, so that it has none
// of its own. A User says so, with what to do, and leaves no policy behind.
func TestUsersOfDirectory(t *testing.T) {
	ctx := t.Context()

	const name = "directory-users"

	ownServers(t)

	s, err := env.AddDirectoryStorage(ctx, name)
	if err != nil {
		t.Fatal(err)
	}

	policies := func() []string {
		t.Helper()

		all, err := s.ListCannedPolicies(ctx)
		if err != nil {
			t.Fatal(err)
		}

		return slices.Sorted(maps.Keys(all))
	}

	before := policies()

	startProvider(t)

	ns := newNamespace(t)
	u := newUser(ns, "user", miniov1alpha1.Grant{BucketName: "some-bucket"})
	u.Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: name}
	create(t, u)

	await.For(t, "the User to name the directory", func() error {
		if err := env.Kube.Get(ctx, client.ObjectKeyFromObject(u), u); err != nil {
			return err
		}

		c := u.GetCondition(xpv1.TypeSynced)
		if c.Status != corev1.ConditionFalse || !strings.Contains(c.Message, "LDAP") {
			return fmt.Errorf("it says %q", c.Message)
		}

		return nil
	})

	if after := policies(); !slices.Equal(before, after) {
		t.Errorf("want the policies %v, got %v", before, after)
	}

	if err := env.Kube.Delete(ctx, u); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, env.Kube, u)
}
