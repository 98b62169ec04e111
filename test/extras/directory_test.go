//go:build e2e

package extras

import "github.com/cistern-dev/cistern/test/component"

// The entries of the directory.
const (
	baseDN   = component.DirectoryDN
	aliceDN  = "cn=alice,ou=people,ou=users," + baseDN
	bobDN    = "cn=bob,ou=people,ou=users," + baseDN
	peopleDN = "ou=people,ou=groups," + baseDN

	// ldapConfig is the ClusterProviderConfig that the examples refer to.
	ldapConfig = "staff"
)
