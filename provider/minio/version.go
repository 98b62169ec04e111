package minio

import (
	"strings"
	"time"

	"github.com/minio/madmin-go/v3"
)

// OldestRelease is the oldest release that may be driven: in earlier ones a
// restricted access key can grant itself whatever its user may
// (GHSA-jjjj-jwhf-8rgr), and tenants would get past the policies that are
// written for them.
const OldestRelease = "RELEASE.2025-10-15"

// oldest is the day of OldestRelease.
var oldest = time.Date(2025, time.October, 15, 0, 0, 0, 0, time.UTC)

// outdated reports whether one of the servers that make up a deployment says
// that it is older than OldestRelease. Those that say nothing, because they are
// away, and those whose version is no time, such as a fork's own numbers or a
// build of somebody's, are taken for new enough: they speak the API.
func outdated(info madmin.InfoMessage) bool {
	for _, s := range info.Servers {
		if at, ok := releaseTime(s.Version); ok && at.Before(oldest) {
			return true
		}
	}

	return false
}

// releaseTime returns the time in a version like 2026-02-12T20:18:48Z,
// RELEASE.2026-02-12T20-18-48Z or DEVELOPMENT.2026-02-12T20-18-48Z.hotfix, and
// whether there is one.
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
