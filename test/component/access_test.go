//go:build e2e

package component

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

var update = flag.Bool("update", false, "write the tables in docs")

// The table of calls in docs/tenants.md is between these lines.
const (
	tableBegin = "<!-- Calls: written by go test -tags fips,e2e ./test/component -run TestAccessTable -update -->\n"
	tableEnd   = "<!-- End of calls -->\n"
)

// TestAccessTable makes every call of S3 that concerns a bucket with a key of each kind
// of access, and compares what the server allows with the table in docs/tenants.md. The
// key of a User with a grant for another bucket must be denied all of them.
func TestAccessTable(t *testing.T) {
	startProvider(t)

	ns, other := newHome(t)
	bucket := ns + "-measured"

	if err := env.Server.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{ObjectLocking: true}); err != nil {
		t.Fatal(err)
	}

	connections := map[string]miniov1alpha1.Connection{}

	for name, grant := range map[string]miniov1alpha1.Grant{
		"writer":   {BucketName: bucket, Access: miniov1alpha1.AccessReadWrite},
		"reader":   {BucketName: bucket, Access: miniov1alpha1.AccessReadOnly},
		"stranger": {BucketName: other, Access: miniov1alpha1.AccessReadWrite},
	} {
		u := newUser(ns, name, grant)
		createUser(t, u)
		connections[name] = awaitPublished(t, u)
	}

	// The list of all buckets is allowed, and shows only what is granted.
	if rsp, err := signedCall(t.Context(), connections["stranger"], http.MethodGet, "/", "", http.Header{}); err != nil || strings.Contains(rsp.body, bucket) {
		t.Errorf("ListBuckets: want no bucket that is not granted, got %+v, %v", rsp, err)
	}

	var table strings.Builder

	table.WriteString("| calls | the claim's key and `users` | `users` with `readonly` |\n|---|---|---|\n")

	for _, g := range callGroups() {
		for _, c := range g.calls {
			if got := g.answer(t, connections["stranger"], bucket, c); got != denied && got != notImplemented && c.name != "ListBuckets" {
				t.Errorf("%s: want a key for another bucket to be denied, got %s", c.name, got)
			}
		}

		fmt.Fprintf(&table, "| %s | %s | %s |\n", g.text(),
			g.measure(t, connections["writer"], bucket), g.measure(t, connections["reader"], bucket))
	}

	compareTable(t, "docs/tenants.md", table.String())
}

// measure makes all calls of a group with a key, wants the same answer to each, and
// returns it.
func (g callGroup) measure(t *testing.T, c miniov1alpha1.Connection, bucket string) answer {
	t.Helper()

	var first answer

	for i, call := range g.calls {
		a := g.answer(t, c, bucket, call)
		if i == 0 {
			first = a
		}

		if a != first {
			t.Errorf("%s: want the same answer to %s, %s, and to %s, got %s", g.title, g.calls[0].name, first, call.name, a)
		}
	}

	return first
}

// answer makes a call on an object that exists, and on an upload that was begun, and
// returns how the server answers.
func (g callGroup) answer(t *testing.T, c miniov1alpha1.Connection, bucket string, call s3Call) answer {
	t.Helper()

	const object = "object"

	core := miniogo.Core{Client: env.Server.S3}

	opts := miniogo.PutObjectOptions{}
	if g.locked {
		opts.Mode, opts.RetainUntilDate = miniogo.Compliance, time.Now().Add(time.Hour)
	}

	o, err := env.Server.S3.PutObject(t.Context(), bucket, object, strings.NewReader("a,b\n"), 4, opts)
	if err != nil {
		t.Fatal(err)
	}

	upload, err := core.NewMultipartUpload(t.Context(), bucket, object, miniogo.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}

	part, err := core.PutObjectPart(t.Context(), bucket, object, upload, 1, strings.NewReader("a"), 1, miniogo.PutObjectPartOptions{})
	if err != nil {
		t.Fatal(err)
	}

	replaced := strings.NewReplacer("BUCKET", bucket, "OBJECT", object, "UPLOAD", upload, "VERSION", o.VersionID, "ETAG", part.ETag)

	rsp, err := signedCall(t.Context(), c, call.method, replaced.Replace(call.path), replaced.Replace(call.body), call.header(replaced))
	if err != nil {
		t.Fatal(err)
	}

	switch status, body := rsp.status, rsp.body; {
	// The deletion of several objects succeeds, and reports an error for each.
	case status == http.StatusForbidden, strings.Contains(body, "<Code>AccessDenied</Code>"):
		return denied
	case status == http.StatusNotImplemented:
		return notImplemented
	case g.locked && strings.Contains(body, "WORM protected"):
		return denied
	// Only a key that may read a setting finds out that it is not set.
	case status < http.StatusMultipleChoices, status == http.StatusNotFound, strings.Contains(body, "<Code>NoSuch"):
		return allowed
	default:
		t.Errorf("%s: the answer says neither that it is allowed nor that it is denied: %d %s", call.name, status, body)

		return denied
	}
}

// compareTable compares a table with the one in a document, or writes it there.
func compareTable(t *testing.T, document, table string) {
	t.Helper()

	repo, err := tools.RepoDir()
	if err != nil {
		t.Fatal(err)
	}

	file := filepath.Join(repo, document)

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	before, rest, begins := strings.Cut(string(text), tableBegin)
	documented, after, ends := strings.Cut(rest, tableEnd)

	if !begins || !ends {
		t.Fatal(errors.New(document + " has no table of calls"))
	}

	if *update {
		if err := os.WriteFile(file, []byte(before+tableBegin+table+tableEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}

		return
	}

	if diff := cmp.Diff(documented, table); diff != "" {
		t.Errorf("%s differs from what the server allows: -documented, +measured:\n%s", document, diff)
	}
}
