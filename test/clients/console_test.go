//go:build e2e

package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/component"
	"github.com/cistern-dev/cistern/test/process"
)

// consoleConfig is the ClusterProviderConfig of the server with the Console.
const consoleConfig = "console"

// maxScreenshot is the size that docs/console.png may have, in bytes.
const maxScreenshot = 150 << 10

// console is MinIO's web interface in a browser.
type console struct {
	*browser

	env *component.Env
	url string
	// own and others are the names of two buckets.
	own, others string
}

// TestConsole uses MinIO's Console with issued keys, in a browser. The other servers run
// without one, so it has a server of its own.
func TestConsole(t *testing.T) {
	t.Parallel()

	if err := found.missing[clientConsole]; err != nil {
		results.skipped(clientConsole, err)
		t.Skip(err)
	}

	c := &console{browser: startBrowser(t, found.chromium), env: componentEnv(t), own: "console-own", others: "console-others"}
	c.startServer(t)

	results.began(clientConsole, consoleVersion(t))

	person := c.newUser("person", miniov1alpha1.AccessReadWrite)
	viewer := c.newUser("viewer", miniov1alpha1.AccessReadOnly)
	first := issue(t, c.env, person, "")

	part(t, clientConsole, "log in: own bucket, no other", func(t *testing.T) { c.testOwnBucket(t, first) })
	part(t, clientConsole, "upload and download", func(t *testing.T) { c.testFiles(t, first) })
	part(t, clientConsole, "reader: upload refused", func(t *testing.T) { c.testReader(t, issue(t, c.env, viewer, "")) })

	rotated := rotate(t, c.env, person, metav1.Duration{Duration: time.Hour})

	part(t, clientConsole, "first key after a rotation, in its overlap", func(t *testing.T) { c.login(t, first) })
	part(t, clientConsole, "rotated key refused", func(t *testing.T) { c.testRotated(t, rotated) })
	part(t, clientConsole, "user added after the rotation", func(t *testing.T) {
		c.login(t, issue(t, c.env, c.newUser("added", miniov1alpha1.AccessReadWrite), ""))
	})
}

// consoleVersion returns the time of the server that contains the Console.
func consoleVersion(t *testing.T) string {
	t.Helper()

	version, err := pinnedVersion("test/dev/tools/minio/go.mod", "github.com/minio/minio")
	if err != nil {
		t.Fatal(err)
	}

	return version
}

// startServer starts a server with the Console, and creates its buckets.
func (c *console) startServer(t *testing.T) {
	t.Helper()

	address, err := process.FreeAddress("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}

	c.url = "http://" + address

	server, err := c.env.AddStorage(t.Context(), consoleConfig, "MINIO_BROWSER=on", "MINIO_CONSOLE_ADDRESS="+address)
	if err != nil {
		t.Fatal(err)
	}

	for _, bucket := range []string{c.own, c.others} {
		if err := server.S3.MakeBucket(t.Context(), bucket, miniogo.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// newUser returns a User with access to the own bucket.
func (c *console) newUser(name string, access miniov1alpha1.Access) *miniov1alpha1.User {
	return newUser(metav1.NamespaceDefault, name, consoleConfig, "console-"+name, c.own, access)
}

// try opens the Console and logs in with the key of a Secret.
func (c *console) try(t *testing.T, data map[string][]byte) *page {
	t.Helper()

	p := c.open(t, c.url+"/login")
	p.fill(t, "#accessKey", string(data["AWS_ACCESS_KEY_ID"]))
	p.fill(t, "#secretKey", string(data["AWS_SECRET_ACCESS_KEY"]))
	p.click(t, "#do-login")

	return p
}

// login logs in, and opens the own bucket.
func (c *console) login(t *testing.T, data map[string][]byte) *page {
	t.Helper()

	p := c.try(t, data)
	// The Console shows its licence first.
	p.click(t, "#acknowledge-confirm")
	p.click(t, "#manageBucket-"+c.own)
	p.until(t, "the own bucket", fmt.Sprintf("location.pathname === '/browser/%s' && document.querySelector('#upload-main')", c.own))

	return p
}

func (c *console) testOwnBucket(t *testing.T, data map[string][]byte) {
	p := c.login(t, data)

	if other, err := p.value(fmt.Sprintf("!!document.querySelector('#manageBucket-%s')", c.others)); err != nil || other != "false" {
		t.Errorf("want the own bucket only, got %v: %s", err, p.text())
	}

	if err := p.call(p.session, "Page.navigate", map[string]any{"url": c.url + "/browser/" + c.others}, nil); err != nil {
		t.Fatal(err)
	}

	p.until(t, "another bucket to be refused",
		fmt.Sprintf("location.pathname === '/browser/%s' && /Access Denied|additional permissions/.test(document.body.innerText)", c.others))
}

// testFiles uploads a file and downloads it, each through the page.
func (c *console) testFiles(t *testing.T, data map[string][]byte) {
	s, p := newSession(t, minioGo, data), c.login(t, data)
	file, stored := s.file(t, "report.csv", 41, 100<<10), filepath.Join(s.home, "stored")

	p.choose(t, "input[type=file]", file)
	p.until(t, "the uploaded object", row("report.csv"))

	if err := s.s3().FGetObject(t.Context(), c.own, "report.csv", stored, miniogo.GetObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	wantSame(t, file, stored)

	if _, err := p.value(row("report.csv") + ".click()"); err != nil {
		t.Fatal(err)
	}

	const download = `[...document.querySelectorAll("#details-panel button")].find(b => b.innerText.includes("Download") && !b.disabled)`

	p.until(t, "the object's details", download)
	// The list of transfers hides them.
	p.click(t, "#object-manager-toggle")
	c.document(t, p)

	if _, err := p.value(download + ".click()"); err != nil {
		t.Fatal(err)
	}

	got := filepath.Join(p.downloads, "report.csv")

	await.For(t, "the download", func() error {
		info, err := os.Stat(got)
		if err == nil && info.Size() < 100<<10 {
			err = fmt.Errorf("%d bytes", info.Size())
		}

		return err
	})
	wantSame(t, file, got)
}

// row is the row of an object, or nothing.
func row(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#object-list-wrapper [role=gridcell]")].find(e => e.innerText.includes(%q))`, name)
}

// document writes the screenshot of the documentation, or checks its size.
func (c *console) document(t *testing.T, p *page) {
	t.Helper()

	file := filepath.Join(scripts, "..", "..", "..", "docs", "console.png")

	if *update {
		if err := os.WriteFile(file, p.screenshot(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	if info, err := os.Stat(file); err != nil || info.Size() > maxScreenshot {
		t.Errorf("want %s with at most %d bytes, got %v, error %v", file, maxScreenshot, info, err)
	}
}

// testReader chooses a file as if the button were enabled: the server must refuse it.
func (c *console) testReader(t *testing.T, data map[string][]byte) {
	s, p := newSession(t, minioGo, data), c.login(t, data)

	p.until(t, "a disabled upload", "document.querySelector('#upload-main').disabled")
	p.choose(t, "input[type=file]", s.file(t, "refused.csv", 43, 100))
	p.shows(t, "Access Denied")

	_, err := s.s3().StatObject(t.Context(), c.own, "refused.csv", miniogo.StatObjectOptions{})
	if miniogo.ToErrorResponse(err).Code != miniogo.NoSuchKey {
		t.Errorf("want no object, got %v", err)
	}
}

func (c *console) testRotated(t *testing.T, data map[string][]byte) {
	p := c.try(t, data)
	p.shows(t, "invalid login")

	_, err := newSession(t, minioGo, data).s3().StatObject(t.Context(), c.own, "none", miniogo.StatObjectOptions{})
	if miniogo.ToErrorResponse(err).Code != miniogo.NoSuchKey {
		t.Errorf("want the key to work otherwise, got %v", err)
	}
}
