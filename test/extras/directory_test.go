//go:build e2e

package extras

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/cistern-dev/cistern/test/component"
)

// The entries of the directory.
const (
	baseDN   = "dc=example,dc=org"
	lookupDN = "cn=lookup,ou=services,ou=users," + baseDN
	aliceDN  = "cn=alice,ou=people,ou=users," + baseDN
	bobDN    = "cn=bob,ou=people,ou=users," + baseDN
	peopleDN = "ou=people,ou=groups," + baseDN

	lookupPassword = "lookup-user-password"

	// ldapConfig is the ClusterProviderConfig that the examples refer to.
	ldapConfig = "staff"
)

// directory is GLAuth's configuration: a format for the address, the base DN and the
// passwords' hash.
const directory = `
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
  baseDN = %q
  nameformat = "cn"
  groupformat = "ou"
[[users]]
  name = "lookup"
  uidnumber = 5001
  primarygroup = 5501
  passsha256 = %q
  [[users.capabilities]]
    action = "search"
    object = "*"
[[users]]
  name = "alice"
  uidnumber = 5002
  primarygroup = 5502
  passsha256 = %[3]q
[[users]]
  name = "bob"
  uidnumber = 5003
  primarygroup = 5502
  passsha256 = %[3]q
[[groups]]
  name = "services"
  gidnumber = 5501
[[groups]]
  name = "people"
  gidnumber = 5502
`

// startLDAPMinIO starts a directory, and a MinIO that takes its users from it.
func startLDAPMinIO(ctx context.Context) (*component.Storage, error) {
	address, err := env.StartDirectory(ctx, func(listen string) string {
		hash := sha256.Sum256([]byte(lookupPassword))

		return fmt.Sprintf(directory, listen, baseDN, hex.EncodeToString(hash[:]))
	})
	if err != nil {
		return nil, err
	}

	return env.AddStorage(ctx, ldapConfig,
		"MINIO_IDENTITY_LDAP_SERVER_ADDR="+address,
		"MINIO_IDENTITY_LDAP_SERVER_INSECURE=on",
		"MINIO_IDENTITY_LDAP_LOOKUP_BIND_DN="+lookupDN,
		"MINIO_IDENTITY_LDAP_LOOKUP_BIND_PASSWORD="+lookupPassword,
		"MINIO_IDENTITY_LDAP_USER_DN_SEARCH_BASE_DN=ou=users,"+baseDN,
		"MINIO_IDENTITY_LDAP_USER_DN_SEARCH_FILTER=(cn=%s)",
		"MINIO_IDENTITY_LDAP_GROUP_SEARCH_BASE_DN=ou=groups,"+baseDN,
		"MINIO_IDENTITY_LDAP_GROUP_SEARCH_FILTER=(&(objectclass=posixGroup)(memberUid=%s))",
	)
}
