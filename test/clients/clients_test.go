//go:build e2e

package clients

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
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

var tests = []test{
	{"put, head, get", writer, []string{"put", "get", "head"}, testPutGet},
	{"list by prefix", writer, []string{"put", "list"}, testList},
	{"copy", writer, []string{"put", "copy"}, testCopy},
	{"move", writer, []string{"put", "move"}, testMove},
	{"delete", writer, []string{"put", "delete"}, testDelete},
	{"24 MiB up and down", writer, []string{"put", "get"}, testLarge},
	{"sync of 200 files", writer, []string{"syncUp", "syncDown"}, testSync},
	{"presigned GET", writer, []string{"put", "presignGet"}, testPresignedGet},
	{"presigned PUT", writer, []string{"presignPut"}, testPresignedPut},
	{"odd names", writer, []string{"put", "get"}, testNames},
	{"backup and restore", writer, []string{"backup"}, testBackup},
	{"reader: reads, writes refused", reader, []string{"put", "get"}, testReader},
	{"reader: backup refused", reader, []string{"init"}, testReaderBackup},
	{"another tenant's bucket refused", other, []string{"get", "list"}, testOther},
	{"versioned: old versions", versioned, []string{"versions", "getVersion", "delete"}, testVersions},
	{"versioned: undo, clean up", versioned, []string{"undo|hiddenCleanup"}, testUndo},
	{"locked: deletion refused", locked, []string{"put", "versions", "deleteVersion"}, testLocked},
	{"locked: retention shown", locked, []string{"put", "retention"}, testRetention},
	{"full: the quota is named", full, []string{"put"}, testQuota},
	{"old and new key in the overlap", beforeNew, []string{"put", "get"}, testOverlap},
	{"key refused after the overlap", ended, []string{"put"}, testEnded},
	{"another region, plain HTTP", otherRegion, []string{"put", "get"}, testRegion},
}

// TestClients runs every test with every client, and records the matrix. Clients run in
// parallel, each with a prefix of its own.
func TestClients(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			if err := found.lacks(c); err != nil {
				results.skipped(c, err)
				t.Skip(err)
			}

			results.started(c, version(t, c))

			for _, tc := range tests {
				t.Run(tc.name, func(t *testing.T) {
					defer results.record(t, c, tc)

					if issued[tc.secret] == nil {
						t.Skipf("no Secret %s is issued here", tc.secret)
					}

					if !offers(c, tc.ops) {
						t.Skip("the client has no such operation")
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

// keys returns the names of the objects below a prefix, as minio-go lists them.
func (s *session) keys(t *testing.T, prefix string) []string {
	t.Helper()

	var names []string

	for o := range s.s3().ListObjects(t.Context(), s.bucket(), miniogo.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}

		names = append(names, o.Key)
	}

	return names
}

func (s *session) wantKeys(t *testing.T, prefix string, want ...string) {
	t.Helper()

	if got := s.keys(t, prefix); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the bucket holds %q, want %q", got, want)
	}
}

func testPutGet(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])
	file, back := s.file(t, "small", 3, 12345), filepath.Join(s.home, "back")

	s.must(t, "put", file, s.prefix()+"basic/small")

	if out := s.must(t, "head", s.prefix()+"basic/small"); !strings.Contains(strings.ReplaceAll(out, ",", ""), "12345") {
		t.Errorf("head: want the size 12345, got %s", out)
	}

	s.must(t, "get", s.prefix()+"basic/small", back)
	wantSame(t, file, back)

	s.must(t, "put", s.file(t, "empty", 1, 0), s.prefix()+"basic/empty")
	s.wantKeys(t, s.prefix()+"basic/", s.prefix()+"basic/empty", s.prefix()+"basic/small")
}

func testList(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])
	file := s.file(t, "listed", 5, 10)

	s.must(t, "put", file, s.prefix()+"list/in/one")
	s.must(t, "put", file, s.prefix()+"list/in/two")
	s.must(t, "put", file, s.prefix()+"list/out")

	out := s.must(t, "list", s.prefix()+"list/in/")
	if !strings.Contains(out, "one") || !strings.Contains(out, "two") || strings.Contains(out, "out") {
		t.Errorf("list: want one and two, got %s", out)
	}
}

func testCopy(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])
	p := s.prefix() + "copy/"

	s.must(t, "put", s.file(t, "source", 7, 100), p+"a")
	s.must(t, "copy", p+"a", p+"b")
	s.wantKeys(t, p, p+"a", p+"b")
}

func testMove(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])
	p := s.prefix() + "move/"

	s.must(t, "put", s.file(t, "source", 9, 100), p+"a")
	s.must(t, "move", p+"a", p+"b")
	s.wantKeys(t, p, p+"b")
}

func testDelete(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])
	p := s.prefix() + "delete/"

	s.must(t, "put", s.file(t, "file", 9, 100), p+"a")
	s.must(t, "delete", p+"a")
	s.wantKeys(t, p)
}

// testLarge checks that a large file arrives, in parts where the client divides it.
func testLarge(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])
	file, back := s.file(t, "large", 11, 24<<20), filepath.Join(s.home, "back")

	s.must(t, "put", file, s.prefix()+"large")
	s.must(t, "get", s.prefix()+"large", back)
	wantSame(t, file, back)

	o, err := s.s3().StatObject(t.Context(), s.bucket(), s.prefix()+"large", miniogo.StatObjectOptions{})
	if err != nil || (c != curl && !strings.Contains(o.ETag, "-")) {
		t.Errorf("want an upload in parts, got ETag %q, error %v", o.ETag, err)
	}
}

// testSync uploads a directory twice, and once more with a change: only what changed is
// uploaded again.
func testSync(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])
	up, down, p := filepath.Join(s.home, "up"), filepath.Join(s.home, "down"), s.prefix()+"sync"

	for i := range 200 {
		dir := fmt.Sprintf("up/%d", i%10)
		if err := os.MkdirAll(filepath.Join(s.home, dir), 0o755); err != nil {
			t.Fatal(err)
		}

		s.file(t, fmt.Sprintf("%s/%03d", dir, i), byte(i), 100+i)
	}

	times := func() map[string]string {
		m := map[string]string{}
		for o := range s.s3().ListObjects(t.Context(), s.bucket(), miniogo.ListObjectsOptions{Prefix: p + "/", Recursive: true}) {
			m[o.Key] = o.LastModified.String()
		}

		return m
	}

	s.must(t, "syncUp", up, p)
	first := times()
	s.must(t, "syncUp", up, p)

	if second := times(); len(first) != 200 || fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("want 200 objects that the second run leaves alone, got %d, then %d", len(first), len(second))
	}

	s.file(t, "up/3/003", 77, 5000)
	s.must(t, "syncUp", up, p)

	changed := 0
	for key, at := range times() {
		if first[key] != at {
			changed++
		}
	}

	if changed != 1 {
		t.Errorf("want one object to be uploaded again, got %d", changed)
	}

	if err := os.Mkdir(down, 0o755); err != nil {
		t.Fatal(err)
	}

	s.must(t, "syncDown", p, down)

	for i := range 200 {
		name := fmt.Sprintf("%d/%03d", i%10, i)
		wantSame(t, filepath.Join(up, name), filepath.Join(down, name))
	}
}

func testPresignedGet(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])
	file := s.file(t, "signed", 13, 1000)

	s.must(t, "put", file, s.prefix()+"signed get")
	body, err := send(t, s, http.MethodGet, s.must(t, "presignGet", s.prefix()+"signed get"), nil)

	if want, _ := os.ReadFile(file); err != nil || !bytes.Equal(body, want) {
		t.Errorf("want the object, got %d bytes, error %v", len(body), err)
	}
}

func testPresignedPut(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])

	if _, err := send(t, s, http.MethodPut, s.must(t, "presignPut", s.prefix()+"signed-put"), []byte("by anybody")); err != nil {
		t.Error(err)
	}

	s.wantKeys(t, s.prefix()+"signed-put", s.prefix()+"signed-put")
}

// send sends a request to a URL that a client signed.
func send(t *testing.T, s *session, method, signed string, body []byte) ([]byte, error) {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSpace(signed), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}

	rsp, err := (&http.Client{Transport: transport(s.data)}).Do(req)
	if err != nil {
		return nil, err
	}
	defer rsp.Body.Close()

	answer, err := io.ReadAll(rsp.Body)
	if err == nil && rsp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", rsp.Status, answer)
	}

	return answer, err
}

// oddNames are names of objects that a careless client encodes wrongly.
var oddNames = []string{
	"a space", "plus+plus", "100%25", "ünïcode/ĳß", `quote'"`, "amp&eq=semi;", "hash#question?", "at@colon:comma,", "excl!dollar$tilde~(star)",
}

func testNames(t *testing.T, c *client) {
	if !c.names {
		t.Skip("the client sends names as they are typed")
	}

	s := newSession(t, c, issued[writer])

	for i, name := range oddNames {
		file, back := s.file(t, "odd", byte(i), 100+i), filepath.Join(s.home, "odd-back")
		p := fmt.Sprintf("%sodd/%d/", s.prefix(), i)

		if _, err := s.do(t.Context(), "put", file, p+name); err != nil {
			t.Errorf("put %q: %v", name, err)
			continue
		}

		s.wantKeys(t, p, p+name)

		if _, err := s.do(t.Context(), "get", p+name, back); err != nil {
			t.Errorf("get %q: %v", name, err)
		} else {
			wantSame(t, file, back)
		}
	}
}

func testBackup(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])
	dir := filepath.Join(s.home, "data")

	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}

	s.file(t, "data/one", 17, 3<<20)
	s.file(t, "data/two", 19, 10)
	s.must(t, "backup", dir, filepath.Join(s.home, "restored"))
}

func testReaderBackup(t *testing.T, c *client) {
	newSession(t, c, issued[reader]).wantRefused(t, "init", c.refused)
}

func testReader(t *testing.T, c *client) {
	w, r := newSession(t, c, issued[writer]), newSession(t, c, issued[reader])
	file, back, p := w.file(t, "file", 21, 1000), filepath.Join(r.home, "back"), w.prefix()+"reader/"

	w.must(t, "put", file, p+"kept")
	r.must(t, "get", p+"kept", back)
	wantSame(t, file, back)

	r.wantRefused(t, "put", c.refused, file, p+"new")

	if r.has("delete") {
		r.wantRefused(t, "delete", c.refused, p+"kept")
	}

	w.wantKeys(t, p, p+"kept")
}

// testOther uses the bucket of a tenant with the key of another one.
func testOther(t *testing.T, c *client) {
	data := maps.Clone(issued[writer])

	data["BUCKET_NAME"] = issued[other]["BUCKET_NAME"]

	s := newSession(t, c, data)
	s.wantRefused(t, "get", c.refused, "any", filepath.Join(s.home, "back"))
	s.wantRefused(t, "list", c.refused, "any")

	if s.has("put") {
		s.wantRefused(t, "put", c.refused, s.file(t, "file", 1, 10), "any")
	}
}

// testVersions overwrites and deletes an object, and reads its first version.
func testVersions(t *testing.T, c *client) {
	s := newSession(t, c, issued[versioned])
	first, back, key := s.file(t, "first", 23, 100), filepath.Join(s.home, "back"), s.prefix()+"versions"

	s.must(t, "put", first, key)
	id := strings.TrimSpace(s.must(t, "versions", key))
	s.must(t, "put", s.file(t, "second", 25, 200), key)
	s.must(t, "delete", key)

	if ids := strings.Fields(s.must(t, "versions", key)); len(ids) != 3 {
		t.Errorf("want two versions and a delete marker, got %q", ids)
	}

	s.must(t, "getVersion", key, id, back)
	wantSame(t, first, back)

	if s.has("deleteVersion") {
		s.must(t, "deleteVersion", key, id)
	}
}

// testUndo uses what a client offers beyond S3, for which it asks whether the bucket is
// versioned.
func testUndo(t *testing.T, c *client) {
	s := newSession(t, c, issued[versioned])
	key := s.prefix() + "undo"

	s.must(t, "put", s.file(t, "first", 27, 100), key)
	s.must(t, "delete", key)

	if s.has("undo") {
		s.must(t, "undo", key)
		s.wantKeys(t, key, key)

		return
	}

	s.must(t, "hiddenCleanup", s.prefix())

	for o := range s.s3().ListObjects(t.Context(), s.bucket(), miniogo.ListObjectsOptions{Prefix: key, WithVersions: true, Recursive: true}) {
		if !o.IsDeleteMarker {
			t.Errorf("want no old version, got %s", o.Key)
		}
	}
}

func testLocked(t *testing.T, c *client) {
	s := newSession(t, c, issued[locked])
	key := s.prefix() + "locked"

	s.must(t, "put", s.file(t, "kept", 29, 100), key)

	id := strings.TrimSpace(s.must(t, "versions", key))
	if _, err := s.do(t.Context(), "deleteVersion", key, id); err == nil || !regexp.MustCompile("WORM|AccessDenied|protected").MatchString(err.Error()) {
		t.Errorf("want the deletion of a locked version to be refused, got %v", err)
	}

	s.wantKeys(t, key, key)
}

func testRetention(t *testing.T, c *client) {
	s := newSession(t, c, issued[locked])
	key := s.prefix() + "retained"

	s.must(t, "put", s.file(t, "kept", 31, 100), key)

	if out := s.must(t, "retention", key); !strings.Contains(out, "COMPLIANCE") && !strings.Contains(out, "GOVERNANCE") {
		t.Errorf("want the retention, got %s", out)
	}
}

// testQuota uploads more than the quota, and little enough for the server to read the rest
// before it closes the connection: a client that is still sending may miss the answer.
func testQuota(t *testing.T, c *client) {
	s := newSession(t, c, issued[full])
	s.wantRefused(t, "put", "(?i)quota", s.file(t, "file", 33, 200<<10), s.prefix()+"much")
}

func testOverlap(t *testing.T, c *client) {
	for _, secret := range []string{beforeNew, afterNew} {
		s := newSession(t, c, issued[secret])
		s.must(t, "put", s.file(t, "file", 35, 10), s.prefix()+secret)
		s.must(t, "get", s.prefix()+secret, filepath.Join(s.home, "back"))
	}
}

func testEnded(t *testing.T, c *client) {
	s := newSession(t, c, issued[ended])
	s.wantRefused(t, "put", "SignatureDoesNotMatch|InvalidAccessKeyId|does not match|does not exist|Forbidden|403", s.file(t, "file", 37, 10), s.prefix()+"ended")
}

func testRegion(t *testing.T, c *client) {
	s := newSession(t, c, issued[otherRegion])
	file, back := s.file(t, "far", 39, 1000), filepath.Join(s.home, "back")

	s.must(t, "put", file, s.prefix()+"far")
	s.must(t, "get", s.prefix()+"far", back)
	wantSame(t, file, back)

	if s.has("presignGet") {
		if _, err := send(t, s, http.MethodGet, s.must(t, "presignGet", s.prefix()+"far"), nil); err != nil {
			t.Errorf("presigned GET: %v", err)
		}
	}
}
