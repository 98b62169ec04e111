// Package clients runs the S3 clients of tenants with the Secrets that Cistern issues.
//
// Each client is a process that gets a Secret as a pod would: its keys as environment
// variables, in an otherwise empty environment, and as files in the directory $MNT. What a
// client needs besides stands in one field of its entry, and docs/clients.md shows it.
//
// The suite runs on the platform that is up (make e2e), or, without -platform, in the
// environment of package component. The Console and Velero run in the latter in both cases: a
// platform has no Console, and Velero would back up what other tests do.
package clients
