//go:build e2e

package clients

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

// browser is a running Chromium. It is driven by the DevTools protocol over two pipes: a
// library for that would change the versions of modules that the function links.
type browser struct {
	in io.Writer

	// mu guards what follows. ended is why there are no more answers.
	mu      sync.Mutex
	last    int
	waiting map[int]chan answer
	ended   error
}

// answer is what Chromium says to a call.
type answer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// startBrowser starts Chromium, which ends with the test.
func startBrowser(t *testing.T, c tools.Chromium) *browser {
	t.Helper()

	var pipes [4]*os.File

	for i := 0; i < len(pipes); i += 2 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}

		pipes[i], pipes[i+1] = r, w
	}

	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), c.Path,
		"--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
		// Its sandbox needs rights that containers and root's processes lack. It opens
		// no page but those of the server under test.
		"--no-sandbox",
		"--window-size=1180,640", "--user-data-dir="+filepath.Join(dir, "profile"))

	var stderr bytes.Buffer

	cmd.Env = append([]string{"HOME=" + dir, "XDG_CACHE_HOME=" + dir, "PATH=/usr/bin:/bin"}, c.Env...)
	cmd.ExtraFiles, cmd.Stderr, cmd.WaitDelay = []*os.File{pipes[0], pipes[3]}, &stderr, 5*time.Second

	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start Chromium: %v", err)
	}

	_, _ = pipes[0].Close(), pipes[3].Close()
	b := &browser{in: pipes[1], waiting: map[int]chan answer{}}

	go b.read(pipes[2])
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // It may have ended already.
		_ = cmd.Wait()
		_, _ = pipes[1].Close(), pipes[2].Close()
	})

	if err := b.call("", "Browser.getVersion", nil, nil); err != nil {
		t.Fatalf("Chromium does not run: %v: %s", err, last(stderr.String()))
	}

	return b
}

// read reads answers until the pipe ends. It passes over events.
func (b *browser) read(r io.Reader) {
	messages := bufio.NewReader(r)

	for {
		message, err := messages.ReadBytes(0)
		if err != nil {
			b.end(err)
			return
		}

		var a answer
		if err := json.Unmarshal(bytes.TrimSuffix(message, []byte{0}), &a); err != nil {
			b.end(err)
			return
		}

		b.mu.Lock()
		waiting := b.waiting[a.ID]
		delete(b.waiting, a.ID)
		b.mu.Unlock()

		if waiting != nil {
			waiting <- a
		}
	}
}

func (b *browser) end(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.ended = fmt.Errorf("the browser answers no more: %w", why)
	for id, waiting := range b.waiting {
		delete(b.waiting, id)
		close(waiting)
	}
}

// call calls a method of the protocol, in a session of a page or, with an empty one, of the
// browser.
func (b *browser) call(session, method string, params map[string]any, result any) error {
	b.mu.Lock()
	b.last++
	id, waiting := b.last, make(chan answer, 1)
	ended := b.ended

	if ended == nil {
		b.waiting[id] = waiting
	}
	b.mu.Unlock()

	if ended != nil {
		return ended
	}

	request := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		request["sessionId"] = session
	}

	message, err := json.Marshal(request)
	if err != nil {
		return err
	}

	if _, err := b.in.Write(append(message, 0)); err != nil {
		return fmt.Errorf("cannot call %s: %w", method, err)
	}

	select {
	case a, answered := <-waiting:
		switch {
		case !answered:
			return fmt.Errorf("%s was not answered", method)
		case a.Error != nil:
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		case result == nil:
			return nil
		}

		return json.Unmarshal(a.Result, result)
	case <-time.After(time.Minute):
		return fmt.Errorf("%s was not answered within a minute", method)
	}
}

// page is a page with cookies of its own.
type page struct {
	*browser

	session string
	// downloads is the directory of downloaded files.
	downloads string
}

// open opens a page.
func (b *browser) open(t *testing.T, url string) *page {
	t.Helper()

	var (
		profile struct {
			ID string `json:"browserContextId"`
		}
		target struct {
			ID string `json:"targetId"`
		}
		session struct {
			ID string `json:"sessionId"`
		}
	)

	p := &page{browser: b, downloads: t.TempDir()}

	err := b.call("", "Target.createBrowserContext", nil, &profile)
	if err == nil {
		err = b.call("", "Browser.setDownloadBehavior",
			map[string]any{"behavior": "allow", "browserContextId": profile.ID, "downloadPath": p.downloads}, nil)
	}

	if err == nil {
		err = b.call("", "Target.createTarget", map[string]any{"url": url, "browserContextId": profile.ID}, &target)
	}

	if err == nil {
		err = b.call("", "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &session)
	}

	if err != nil {
		t.Fatal(err)
	}

	p.session = session.ID

	return p
}

// value returns what an expression of JavaScript is, as text.
func (p *page) value(expression string) (string, error) {
	var v struct {
		Result struct {
			Value any `json:"value"`
		} `json:"result"`
		Exception *struct {
			Details struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}

	err := p.call(p.session, "Runtime.evaluate",
		map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true}, &v)
	if err == nil && v.Exception != nil {
		err = errors.New(v.Exception.Details.Description)
	}

	return fmt.Sprint(v.Result.Value), err
}

// text returns what the page shows, for messages.
func (p *page) text() string {
	s, err := p.value("location.href + '\\n' + document.body.innerText")
	if err != nil {
		return err.Error()
	}

	return s
}

// until waits until an expression is true. It fails the test with what the page shows.
func (p *page) until(t *testing.T, what, expression string) {
	t.Helper()

	await.For(t, what, func() error {
		got, err := p.value("!!(" + expression + ")")
		if err == nil && got != "true" {
			err = fmt.Errorf("the page shows %s", p.text())
		}

		return err
	})
}

// shows waits until the page shows a text.
func (p *page) shows(t *testing.T, text string) {
	t.Helper()
	p.until(t, "the page to show "+text, fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

// fill types a text into a field.
func (p *page) fill(t *testing.T, selector, text string) {
	t.Helper()
	p.until(t, "the field "+selector, fmt.Sprintf("document.querySelector(%q)", selector))

	_, err := p.value(fmt.Sprintf("document.querySelector(%q).focus()", selector))
	if err == nil {
		err = p.call(p.session, "Input.insertText", map[string]any{"text": text}, nil)
	}

	if err != nil {
		t.Fatal(err)
	}
}

// click clicks on an element, once it is there and enabled.
func (p *page) click(t *testing.T, selector string) {
	t.Helper()
	p.until(t, "the enabled element "+selector, fmt.Sprintf("(e => e && !e.disabled)(document.querySelector(%q))", selector))

	if _, err := p.value(fmt.Sprintf("document.querySelector(%q).click()", selector)); err != nil {
		t.Fatal(err)
	}
}

// choose chooses a file in a field.
func (p *page) choose(t *testing.T, selector, file string) {
	t.Helper()
	p.until(t, "the field "+selector, fmt.Sprintf("document.querySelector(%q)", selector))

	var field struct {
		Result struct {
			ID string `json:"objectId"`
		} `json:"result"`
	}

	err := p.call(p.session, "Runtime.evaluate", map[string]any{"expression": fmt.Sprintf("document.querySelector(%q)", selector)}, &field)
	if err == nil {
		err = p.call(p.session, "DOM.setFileInputFiles", map[string]any{"files": []string{file}, "objectId": field.Result.ID}, nil)
	}

	if err != nil {
		t.Fatal(err)
	}
}

// screenshot returns an image of the page, in the format PNG.
func (p *page) screenshot(t *testing.T) []byte {
	t.Helper()

	var image struct {
		Data string `json:"data"`
	}
	if err := p.call(p.session, "Page.captureScreenshot", map[string]any{"format": "png"}, &image); err != nil {
		t.Fatal(err)
	}

	png, err := base64.StdEncoding.DecodeString(image.Data)
	if err != nil {
		t.Fatal(err)
	}

	return png
}
