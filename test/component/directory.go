package component

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/tools"
	"github.com/cistern-dev/cistern/test/process"
)

// The entries of the directory of AddDirectoryStorage: beside these, the users alice and bob
// (cn=…,ou=people,ou=users) of the group people (ou=people,ou=groups).
const (
	// DirectoryDN is the directory's base.
	DirectoryDN = "dc=example,dc=org"
	// DirectoryPassword is the password of every user, including the one that MinIO looks up
	// others as.
	DirectoryPassword = "lookup-user-password"

	lookupDN = "cn=lookup,ou=services,ou=users," + DirectoryDN
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

// AddDirectoryStorage starts an LDAP server, and a MinIO behind the proxy that takes its users
// from it. It creates a ClusterProviderConfig of the given name for that MinIO.
func (e *Env) AddDirectoryStorage(ctx context.Context, name string) (*Storage, error) {
	address, err := e.startDirectory(ctx)
	if err != nil {
		return nil, err
	}

	return e.AddStorage(ctx, name,
		"MINIO_IDENTITY_LDAP_SERVER_ADDR="+address,
		"MINIO_IDENTITY_LDAP_SERVER_INSECURE=on",
		"MINIO_IDENTITY_LDAP_LOOKUP_BIND_DN="+lookupDN,
		"MINIO_IDENTITY_LDAP_LOOKUP_BIND_PASSWORD="+DirectoryPassword,
		"MINIO_IDENTITY_LDAP_USER_DN_SEARCH_BASE_DN=ou=users,"+DirectoryDN,
		"MINIO_IDENTITY_LDAP_USER_DN_SEARCH_FILTER=(cn=%s)",
		"MINIO_IDENTITY_LDAP_GROUP_SEARCH_BASE_DN=ou=groups,"+DirectoryDN,
		"MINIO_IDENTITY_LDAP_GROUP_SEARCH_FILTER=(&(objectclass=posixGroup)(memberUid=%s))",
	)
}

// startDirectory starts the LDAP server, GLAuth, and returns its address.
func (e *Env) startDirectory(ctx context.Context) (string, error) {
	programs, err := tools.Build(ctx, io.Discard, "glauth")
	if err != nil {
		return "", err
	}

	address, err := process.FreeAddress("127.0.0.1")
	if err != nil {
		return "", err
	}

	hash := sha256.Sum256([]byte(DirectoryPassword))
	config := fmt.Sprintf(directory, address, DirectoryDN, hex.EncodeToString(hash[:]))

	file := filepath.Join(e.dir, "directory.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return "", fmt.Errorf("cannot write the directory's configuration: %w", err)
	}

	p, err := e.run("directory", nil, programs["glauth"], "-c", file)
	if err != nil {
		return "", err
	}

	return address, await.Until(ctx, "the directory to be ready", func() error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			err = conn.Close()
		}

		return errors.Join(p.Ended(), err)
	})
}
