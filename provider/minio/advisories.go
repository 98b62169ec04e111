package minio

import "time"

// Advisory is a known vulnerability of MinIO that concerns the tenants of a server.
type Advisory struct {
	// ID is that of the CVE or of GitHub's advisory.
	ID string
	// Fixed is the date of the first release without it.
	Fixed time.Time
	// Harm says what it means for tenants, and Action what to do besides an update.
	Harm, Action string
}

// fixedIn2026 is the date of the first release with the fixes of 2026: AIStor
// RELEASE.2026-04-11. Community MinIO was archived before; its fork Silo has them.
var fixedIn2026 = time.Date(2026, time.April, 11, 0, 0, 0, 0, time.UTC)

// advisories lists the vulnerabilities, the most harmful first.
var advisories = []Advisory{
	{
		ID: "CVE-2026-40344", Fixed: fixedIn2026,
		Harm:   "who knows an access key's ID can write into its buckets, by a snowball upload",
		Action: "treat IDs of access keys as secrets",
	},
	{
		ID: "CVE-2026-41145", Fixed: fixedIn2026,
		Harm:   "who knows an access key's ID can write into its buckets, by an upload with an unsigned trailer",
		Action: "treat IDs of access keys as secrets",
	},
	{
		ID: "GHSA-jjjj-jwhf-8rgr", Fixed: oldest,
		Harm:   "a restricted access key can grant itself all permissions of its user",
		Action: "use the server for deletions only",
	},
	{
		ID: "CVE-2026-33322", Fixed: fixedIn2026,
		Harm:   "it concerns temporary credentials by OpenID Connect",
		Action: "configure no OpenID provider",
	},
	{
		ID: "CVE-2026-33419", Fixed: fixedIn2026,
		Harm:   "it concerns temporary credentials by LDAP",
		Action: "configure no LDAP",
	},
	{
		ID: "CVE-2026-34204", Fixed: fixedIn2026,
		Harm:   "it concerns the headers of replication in ordinary uploads",
		Action: "let a proxy remove X-Minio-Replication headers",
	},
	{
		ID: "CVE-2026-39414", Fixed: fixedIn2026,
		Harm:   "it concerns S3 Select",
		Action: "let a proxy deny S3 Select",
	},
	{
		ID: "CVE-2026-42600", Fixed: fixedIn2026,
		Harm:   "it is known for all releases of community MinIO",
		Action: "let only trusted networks reach the server",
	},
}

// Advisories returns the known vulnerabilities of the server, by the release of its oldest node
// as the last successful Check found it. It reports false if the release of a node has no date,
// as that of a fork with version numbers: then there may be more.
func (s *Server) Advisories() (known []Advisory, dated bool) { return advisoriesOf(s.reported()) }

func advisoriesOf(info serverInfo) (known []Advisory, dated bool) {
	earliest, all := time.Time{}, true

	for _, n := range info.Servers {
		at, ok := releaseTime(n.Version)

		switch {
		case n.Version == "":
			// It is offline.
		case !ok:
			all = false
		case earliest.IsZero() || at.Before(earliest):
			earliest = at
		}
	}

	if earliest.IsZero() {
		return nil, false
	}

	for _, a := range advisories {
		if earliest.Before(a.Fixed) {
			known = append(known, a)
		}
	}

	return known, all
}
