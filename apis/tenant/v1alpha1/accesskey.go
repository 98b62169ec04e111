package v1alpha1

import "regexp"

// accessKeyIDs matches the access key IDs that provider-minio chooses.
var accessKeyIDs = regexp.MustCompile(`\b(CSTN)[A-Z2-7]{12}([A-Z2-7]{4})\b`)

// MaskAccessKeyID returns an access key ID with its middle replaced, such as
// CSTN…Z7Z4, and nothing of a short one. On some releases of MinIO a whole ID is
// enough to write into a bucket (CVE-2026-40344), so only those who can read the
// Secrets see it.
func MaskAccessKeyID(id string) string {
	const shown, shortest = 4, 12

	if len(id) < shortest {
		return "…"
	}

	return id[:shown] + "…" + id[len(id)-shown:]
}

// MaskAccessKeyIDs returns a text with each access key ID of provider-minio masked
// as by MaskAccessKeyID.
func MaskAccessKeyIDs(text string) string {
	return accessKeyIDs.ReplaceAllString(text, "$1…$2")
}
