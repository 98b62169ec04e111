//go:build e2e

package component

import (
	"crypto/sha256"
	"encoding/hex"
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

// lookupDirectory is GLAuth's configuration with the one user that MinIO looks up others as: a
// format for the address and the password's hash.
const lookupDirectory = `
[ldap]
  enabled = true
  listen = %q
  tls = false
[ldaps]
  enabled = false
[api]
  enabled = false
[backend]
  datastore = "config"
  baseDN = "dc=example,dc=org"
[[users]]
  name = "lookup"
  uidnumber = 5001
  primarygroup = 5501
  passsha256 = %q
  [[users.capabilities]]
    action = "search"
    object = "*"
[[groups]]
  name = "services"
  gidnumber = 5501
`

// TestUsersOfDirectory uses a server that takes its users from a directory, so that it has none
// of its own. A User says so, with what to do, and leaves no policy behind.
func TestUsersOfDirectory(t *testing.T) {
	ctx := t.Context()

	const password = "lookup-user-password"

	address, err := env.StartDirectory(ctx, func(listen string) string {
		hash := sha256.Sum256([]byte(password))

		return fmt.Sprintf(lookupDirectory, listen, hex.EncodeToString(hash[:]))
	})
	if err != nil {
		t.Fatal(err)
	}

	const name = "directory-users"

	s, err := env.AddStorage(ctx, name,
		"MINIO_IDENTITY_LDAP_SERVER_ADDR="+address,
		"MINIO_IDENTITY_LDAP_SERVER_INSECURE=on",
		"MINIO_IDENTITY_LDAP_LOOKUP_BIND_DN=cn=lookup,ou=services,ou=users,dc=example,dc=org",
		"MINIO_IDENTITY_LDAP_LOOKUP_BIND_PASSWORD="+password,
		"MINIO_IDENTITY_LDAP_USER_DN_SEARCH_BASE_DN=ou=users,dc=example,dc=org",
		"MINIO_IDENTITY_LDAP_USER_DN_SEARCH_FILTER=(cn=%s)",
	)
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
