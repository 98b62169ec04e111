package minio

import (
	"strings"
	"time"
)

// OldestRelease is the oldest release that may be driven. In earlier ones a restricted
// access key can grant itself all permissions of its user (GHSA-jjjj-jwhf-8rgr), so tenants
// could bypass their policies.
const OldestRelease = "RELEASE.2025-10-15"

// oldest is the date of OldestRelease.
var oldest = time.Date(2025, time.October, 15, 0, 0, 0, 0, time.UTC)

// outdated reports whether a server of a deployment is older than OldestRelease. A server
// without a version, because it is offline, and one whose version is no time, such as a
// fork's number or a private build, counts as new enough: it serves the API.
func outdated(info serverInfo) bool {
	for _, s := range info.Servers {
		if at, ok := releaseTime(s.Version); ok && at.Before(oldest) {
			return true
		}
	}

	return false
}

// releaseTime returns the time of a version like 2026-02-12T20:18:48Z,
// RELEASE.2026-02-12T20-18-48Z or DEVELOPMENT.2026-02-12T20-18-48Z.hotfix. It reports false
// if the version holds no time.
func releaseTime(version string) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339, version); err == nil {
		return at, true
	}

	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return time.Time{}, false
	}

	at, err := time.Parse("2006-01-02T15-04-05Z", parts[1])

	return at, err == nil
}
