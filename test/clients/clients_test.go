//go:build e2e

package clients

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	miniogo "github.com/minio/minio-go/v7"
)

// test is a row of the matrix. It needs operations; without one of them the client has
// no such thing. An operation may stand for several, separated by |.
type test struct {
	name string
	// secret must be issued, and ops be operations of the client.
	secret string
	ops    []string
	run    func(t *testing.T, c *client)
}

// Tests that some clients cannot pass.
const (
	rowPageElsewhere = "the same, as tenants.md shows"
	rowIPv6          = "IPv6 address"
)

var tests = []test{
	{"as tenants.md shows", writer, nil, testPage},
	{"put, head, get", writer, []string{"put", "get", "head"}, testPutGet},
	{"list by prefix", writer, []string{"put", "list"}, testList},
	{"copy", writer, []string{"put", "copy"}, testCopy},
	{"move", writer, []string{"put", "move"}, testMove},
	{"delete", writer, []string{"put", "delete"}, testDelete},
	{"24 MiB up and down", writer, []string{"put", "get"}, testLarge},
	{"sync of 200 files", writer, []string{"syncUp", "syncDown"}, testSync},
	{"presigned GET", writer, []string{"put", "presignGet"}, testPresignedGet},
	{"presigned PUT", writer, []string{"presignPut"}, testPresignedPut},
	{"presigned POST", writer, []string{"presignPost"}, testPresignedPost},
	{"odd names", writer, []string{"put", "get"}, testNames},
	{"backup and restore", writer, []string{"backup"}, testBackup},
	{"reader: reads, writes refused", reader, []string{"put", "get"}, testReader},
	{"reader: backup refused", reader, []string{"init"}, testReaderBackup},
	{"images pushed and pulled", writer, []string{"registry"}, testImages},
	{"reader: image refused", reader, []string{"registry"}, testReaderImages},
	{"another tenant's bucket refused", other, []string{"get", "list"}, testOther},
	{"versioned: old versions", versioned, []string{"versions", "getVersion", "delete"}, testVersions},
	{"versioned: undo, clean up", versioned, []string{"undo|hiddenCleanup"}, testUndo},
	{"locked: deletion refused", locked, []string{"put", "versions", "deleteVersion"}, testLocked},
	{"locked: retention shown", locked, []string{"put", "retention"}, testRetention},
	{"locked: legal hold shown", locked, []string{"put", "hold"}, testHold},
	{"locked: settings shown", locked, []string{"settings"}, testSettings},
	{"full: the quota is named", full, []string{"put"}, testQuota},
	{"old and new key in the overlap", beforeNew, []string{"put", "get"}, testOverlap},
	{"key refused after the overlap", ended, []string{"put"}, testEnded},
	{"another region, plain HTTP", otherRegion, []string{"put", "get"}, testRegion},
	{rowPageElsewhere, otherRegion, nil, testPageElsewhere},
	{rowIPv6, ipv6, []string{"put", "get"}, testIPv6},
}

// TestClients runs every test with every client, and records the matrix. Clients run in
// parallel, each with a prefix of its own.
func TestClients(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			if err := found.lacks(c); err != nil {
				results.skipped(c.name, err)
				t.Skip(err)
			}

			results.began(c.name, version(t, c))

			for _, tc := range tests {
				if !offers(c, tc.ops) {
					results.lacks(c, tc)

					continue
				}

				t.Run(tc.name, func(t *testing.T) {
					defer results.record(t, c, tc)

					if issued[tc.secret] == nil {
						t.Skipf("no Secret %s is issued here", tc.secret)
					}

					if limit, ok := c.limits[tc.name]; ok {
						t.Skip(limit)
					}

					tc.run(t, c)
				})
			}
		})
	}
}

// offers reports whether a client has all operations.
func offers(c *client, ops []string) bool {
	s := &session{client: c}

	for _, op := range ops {
		has := false
		for one := range strings.SplitSeq(op, "|") {
			has = has || s.has(one)
		}

		if !has {
			return false
		}
	}

	return true
}

// version returns the version that the client reports, or that is pinned.
func version(t *testing.T, c *client) string {
	t.Helper()

	var (
		out string
		err error
	)

	switch c {
	case minioGo:
		out, err = pinnedVersion("go.mod", "github.com/minio/minio-go/v7")
	case mc:
		out, err = pinnedVersion("test/dev/tools/mc/go.mod", "github.com/minio/mc")
	case sdkGo:
		out, err = pinnedVersion("test/dev/tools/aws-sdk-go/go.mod", "github.com/aws/aws-sdk-go-v2")
	default:
		out, err = newSession(t, c, issued[writer]).shell(t.Context(), c.version)
	}

	if err != nil {
		t.Fatalf("cannot run %s: %v", c.name, err)
	}

	return strings.TrimSpace(out)
}

// prefix is where a client keeps its objects.
func (s *session) prefix() string { return strings.ToLower(strings.ReplaceAll(s.name, " ", "-")) + "/" }

// file writes a file of a size, whose content depends on a seed.
func (s *session) file(t *testing.T, name string, seed byte, size int) string {
	t.Helper()

	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i>>3)*seed + byte(i>>11) + seed
	}

	path := filepath.Join(s.home, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}

	return path
}

func wantSame(t *testing.T, a, b string) {
	t.Helper()

	x, errX := os.ReadFile(a)
	y, errY := os.ReadFile(b)

	if errX != nil || errY != nil || !bytes.Equal(x, y) {
		t.Errorf("%s and %s differ: %v, %v, %d and %d bytes", filepath.Base(a), filepath.Base(b), errX, errY, len(x), len(y))
	}
}

// keys returns the names of the objects below a prefix, as minio-go lists them, without the
// empty objects that s3fs creates for directories.
func (s *session) keys(t *testing.T, prefix string) []string {
	t.Helper()

	var names []string

	for o := range s.s3().ListObjects(t.Context(), s.bucket(), miniogo.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}

		if !strings.HasSuffix(o.Key, "/") {
			names = append(names, o.Key)
		}
	}

	return names
}

func (s *session) wantKeys(t *testing.T, prefix string, want ...string) {
	t.Helper()

	if got := s.keys(t, prefix); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the bucket holds %q, want %q", got, want)
	}
}
