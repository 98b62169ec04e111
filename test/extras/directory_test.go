//go:build e2e

package extras

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/cistern-dev/cistern/test/component"
)

// Who is in the directory.
const (
	baseDN   = "dc=example,dc=org"
	lookupDN = "cn=lookup,ou=services,ou=users," + baseDN
	aliceDN  = "cn=alice,ou=people,ou=users," + baseDN
	bobDN    = "cn=bob,ou=people,ou=users," + baseDN
	peopleDN = "ou=people,ou=groups," + baseDN
	nobodyDN = "cn=nobody,ou=people,ou=users," + baseDN

	lookupPassword = "look-me-up-if-you-can"
)

// directory is the configuration of GLAuth.
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

// startStaff starts a directory, and a MinIO that asks it for its users.
func startStaff(ctx context.Context) (*component.Storage, error) {
	address, err := env.StartDirectory(ctx, func(listen string) string {
		hash := sha256.Sum256([]byte(lookupPassword))

		return fmt.Sprintf(directory, listen, baseDN, hex.EncodeToString(hash[:]))
	})
	if err != nil {
		return nil, err
	}

	return env.AddStorage(ctx, "staff",
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
