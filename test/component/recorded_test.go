//go:build e2e

package component

import "slices"

// recordedCalls are the calls of MinIO whose answers the provider decodes. Each needs a case of
// TestRecordedAnswers in provider/minio.
var recordedCalls = []string{
	"info", "accountinfo", "export-bucket-metadata", "user-info", "info-canned-policy", "policy-entities", "add-service-account",
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

// unrecorded returns the calls of MinIO that are in neither list.
func unrecorded(calls []Call) []string {
	var names []string

	for _, c := range calls {
		if c.Server == MinIO && !slices.Contains(recordedCalls, c.Operation) && !slices.Contains(statusCalls, c.Operation) &&
			!slices.Contains(names, c.Operation) {
			names = append(names, c.Operation)
		}
	}

	return names
}
