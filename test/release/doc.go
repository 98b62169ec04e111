// Package release tests releases: it makes one of all packages for all architectures, pushes
// it to a registry, and has Crossplane verify its signatures before it installs them.
//
// Crossplane, the API server and the registry are real, and so are sigstore's libraries in
// Crossplane and in the program that signs. The transparency log is not: it gives receipts,
// and keeps nothing.
package release
