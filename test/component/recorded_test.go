//go:build e2e

package component

import (
	"slices"

	"github.com/cistern-dev/cistern/provider/minio"
)

// rareOperations are calls of MinIO that no situation of the fault matrix needs: those of the
// provider for a policy in use, and s3:other, the uploads that tests make at the published endpoint as
// tenants do.
var rareOperations = []string{"admin:policy-entities", "s3:other"}

// unnamed returns the calls of MinIO that minio.Operations does not name, and so no recorded answer
// covers.
func unnamed(calls []Call) []string {
	var names []string

	for _, c := range calls {
		named := slices.ContainsFunc([][]string{minio.Operations, rareOperations, names}, func(list []string) bool {
			return slices.Contains(list, c.Name)
		})

		if c.Server == MinIO && !named {
			names = append(names, c.Name)
		}
	}

	return names
}
