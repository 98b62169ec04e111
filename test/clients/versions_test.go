//go:build e2e

package clients

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
)

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

	if !s.has("deleteVersion") {
		return
	}

	// Without the first version and the delete marker, the second version is left.
	ids := strings.Fields(s.must(t, "versions", key))
	for o := range s.s3().ListObjects(t.Context(), s.bucket(), miniogo.ListObjectsOptions{Prefix: key, WithVersions: true}) {
		if o.IsDeleteMarker || o.VersionID == id {
			s.must(t, "deleteVersion", key, o.VersionID)
		}
	}

	if left := strings.Fields(s.must(t, "versions", key)); len(left) != 1 || left[0] == id || !slices.Contains(ids, left[0]) {
		t.Errorf("want the second version to be left, got %q of %q", left, ids)
	}

	s.wantKeys(t, key, key)
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

// testRetention wants a client to show the mode and the day of the retention that the server
// reports.
func testRetention(t *testing.T, c *client) {
	s := newSession(t, c, issued[locked])
	key := s.prefix() + "retained"

	s.must(t, "put", s.file(t, "kept", 31, 100), key)

	mode, until, err := s.s3().GetObjectRetention(t.Context(), s.bucket(), key, "")
	if err != nil {
		t.Fatal(err)
	}

	out := s.must(t, "retention", key)
	// mc says how many days are left; the others say when it ends.
	if !strings.Contains(out, mode.String()) || (c != mc && !strings.Contains(out, until.UTC().Format(time.DateOnly))) {
		t.Errorf("want %s until %s, got %s", mode, until, out)
	}
}

// testHold sets a legal hold and ends it.
func testHold(t *testing.T, c *client) {
	s := newSession(t, c, issued[locked])
	key := s.prefix() + "held"

	s.must(t, "put", s.file(t, "held", 41, 100), key)

	if out := s.must(t, "hold", key); !regexp.MustCompile(`(?s)\bON\b.*\bOFF\b`).MatchString(out) {
		t.Errorf("want the legal hold to be ON, then OFF, got %s", out)
	}
}

// testSettings wants a client to say that a locked bucket is versioned, locked and private.
func testSettings(t *testing.T, c *client) {
	s := newSession(t, c, issued[locked])

	out := s.must(t, "settings")
	if !regexp.MustCompile("(?i)(versioning|status|^).{0,6}enabled|versioning is enabled").MatchString(out) ||
		!regexp.MustCompile("COMPLIANCE|GOVERNANCE").MatchString(out) ||
		regexp.MustCompile("(?i)un-versioned|anonymous *: enabled").MatchString(out) {
		t.Errorf("want versions and a retention, and no access for everybody, got %s", out)
	}
}
