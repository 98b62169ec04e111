//go:build e2e

package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
)

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

// testPresignedPost uploads by a form, as a browser does.
func testPresignedPost(t *testing.T, c *client) {
	s := newSession(t, c, issued[writer])
	key := s.prefix() + "signed-post"

	address, fields, err := form(s.must(t, "presignPost", key))
	if err != nil {
		t.Fatal(err)
	}

	var body bytes.Buffer

	w := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}

	// The server ignores the fields that follow the file.
	file, err := w.CreateFormFile("file", "any")
	if err != nil {
		t.Fatal(err)
	}

	fmt.Fprint(file, "by a form")

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, &body)
	if err != nil {
		t.Fatal(err)
	}

	req.Header.Set("Content-Type", w.FormDataContentType())

	rsp, err := (&http.Client{Transport: transport(s.data)}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer rsp.Body.Close()

	if answer, _ := io.ReadAll(rsp.Body); rsp.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", rsp.Status, answer)
	}

	s.wantKeys(t, key, key)
}

// form returns the address and the fields of a form that a client printed: as JSON, or,
// mc, as a command of curl.
func form(out string) (address string, fields map[string]string, err error) {
	var f struct {
		URL, Share string
		Fields     map[string]string
	}
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		return "", nil, fmt.Errorf("cannot decode a form: %w", err)
	}

	if f.Share == "" {
		return f.URL, f.Fields, nil
	}

	words := strings.Fields(f.Share)
	fields = map[string]string{}

	for _, word := range words[2:] {
		if name, value, ok := strings.Cut(word, "="); ok && name != "file" {
			fields[name] = value
		}
	}

	return words[1], fields, nil
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
