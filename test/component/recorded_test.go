//go:build e2e

package component

import "slices"

// recordedCalls are the calls of MinIO whose answers the provider decodes. Each needs a case of
// TestRecordedAnswers in provider/minio.
var recordedCalls = []string{
	"info", "accountinfo", "export-bucket-metadata", "user-info", "info-canned-policy", "policy-entities",
	"add-service-account", "list-service-accounts",
	"GET bucket?location", "GET bucket?versions", "GET bucket?uploads", "GET object?retention", "POST bucket?delete",
}

// statusCalls are the calls of which the provider reads nothing but whether they succeeded.
var statusCalls = []string{
	"add-user", "remove-user", "set-user-status", "revoke-tokens", "delete-service-account",
	"add-canned-policy", "remove-canned-policy", "set-user-or-group-policy", "set-bucket-quota",
	"PUT bucket", "DELETE bucket", "DELETE object", "DELETE object?uploadId",
	"PUT bucket?versioning", "PUT bucket?object-lock",
	"PUT bucket?lifecycle", "DELETE bucket?lifecycle", "PUT bucket?tagging", "DELETE bucket?tagging",
	"PUT bucket?encryption", "DELETE bucket?encryption", "PUT bucket?policy", "DELETE bucket?policy",
}

// testCalls are calls that tests make at the published endpoint, as tenants do, and the provider
// does not.
var testCalls = []string{"PUT object", "POST object?uploads", "PUT object?uploadId", "POST object?uploadId"}

// unrecorded returns the calls of MinIO that are in no list.
func unrecorded(calls []Call) []string {
	var names []string

	for _, c := range calls {
		listed := slices.ContainsFunc([][]string{recordedCalls, statusCalls, testCalls, names}, func(list []string) bool {
			return slices.Contains(list, c.Operation)
		})

		if c.Server == MinIO && !listed {
			names = append(names, c.Operation)
		}
	}

	return names
}
