//go:build e2e

package clients

import (
	"cmp"
	"maps"
	"net/http"
	"path/filepath"
	"testing"
)

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

// testQuota uploads more than the quota, and little enough for the server to read the rest
// before it closes the connection: a client that is still sending may miss the answer.
func testQuota(t *testing.T, c *client) {
	s := newSession(t, c, issued[full])
	s.wantRefused(t, "put", cmp.Or(c.mute, "(?i)quota"), s.file(t, "file", 33, 200<<10), s.prefix()+"much")
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
	s.wantRefused(t, "put", "SignatureDoesNotMatch|InvalidAccessKeyId|does not match|does not exist|Forbidden|403|cannot mount|not connected", s.file(t, "file", 37, 10), s.prefix()+"ended")
}

func testRegion(t *testing.T, c *client) {
	s := newSession(t, c, issued[otherRegion])
	s.wantThere(t)

	if s.has("presignGet") {
		if _, err := send(t, s, http.MethodGet, s.must(t, "presignGet", s.prefix()+"far"), nil); err != nil {
			t.Errorf("presigned GET: %v", err)
		}
	}
}

func testIPv6(t *testing.T, c *client) { newSession(t, c, issued[ipv6]).wantThere(t) }

// wantThere wants a file to be uploaded and downloaded.
func (s *session) wantThere(t *testing.T) {
	t.Helper()

	file, back := s.file(t, "far", 39, 1000), filepath.Join(s.home, "back")

	s.must(t, "put", file, s.prefix()+"far")
	s.must(t, "get", s.prefix()+"far", back)
	wantSame(t, file, back)
}
