//go:build e2e

package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	miniogo "github.com/minio/minio-go/v7"
)

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
