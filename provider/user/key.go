package user

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"

	"k8s.io/apimachinery/pkg/types"

	"github.com/cistern-dev/cistern/provider/minio"
)

// Lengths that AWS gives its keys, which some clients insist on.
const (
	accessKeyLength = 20
	secretKeyLength = 40

	// accessKeyPrefix tells at a glance whose keys these are.
	accessKeyPrefix = "CSTN"
)

// accessKeyFor derives the ID of a user's access key from the UID of its
// resource, so that it is the same at each try and no two users share one: 80
// bits of a hash.
func accessKeyFor(uid types.UID) string {
	sum := sha256.Sum256([]byte(uid))

	return accessKeyPrefix + base32.StdEncoding.EncodeToString(sum[:])[:accessKeyLength-len(accessKeyPrefix)]
}

// newSecretKey returns a new random secret key of 200 bits. It holds capital
// letters and digits only, so that it needs no quoting anywhere.
func newSecretKey() minio.Secret {
	return minio.Secret((rand.Text() + rand.Text())[:secretKeyLength])
}
