package embedded

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestServeLog checks which log of a container is served, and how much of it.
func TestServeLog(t *testing.T) {
	t.Parallel()

	a := &agent{Config: Config{LogDir: t.TempDir()}, pods: map[types.UID]*pod{}}
	p := newPod(a, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "name", UID: "1"}})
	a.pods["1"] = p

	if err := os.MkdirAll(p.logDir("main"), 0o755); err != nil {
		t.Fatal(err)
	}

	for i, text := range []string{"before\n", "one\ntwo\nthree\n"} {
		if err := os.WriteFile(logFile(p.logDir("main"), i), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	for name, tc := range map[string]struct {
		pod, container, query string
		code                  int
		want                  string
	}{
		"Current":     {"name", "main", "", 200, "one\ntwo\nthree\n"},
		"Previous":    {"name", "main", "previous=true", 200, "before\n"},
		"Tail":        {"name", "main", "tailLines=2", 200, "two\nthree\n"},
		"LongTail":    {"name", "main", "tailLines=20", 200, "one\ntwo\nthree\n"},
		"NoTail":      {"name", "main", "tailLines=0", 200, ""},
		"NoPod":       {"other", "main", "", 404, "there is no such pod\n"},
		"NoContainer": {"name", "other", "", 404, "the container has no such log\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			r := httptest.NewRequestWithContext(t.Context(), "GET", "/?"+tc.query, nil)
			r.SetPathValue("namespace", "ns")
			r.SetPathValue("pod", tc.pod)
			r.SetPathValue("container", tc.container)

			w := httptest.NewRecorder()
			a.serveLog(w, r)

			if got := w.Body.String(); w.Code != tc.code || got != tc.want {
				t.Errorf("serveLog(): %d %q, want %d %q", w.Code, got, tc.code, tc.want)
			}
		})
	}
}

// TestFollowLog checks that a log is followed until the next start of the container.
func TestFollowLog(t *testing.T) {
	t.Parallel()

	a := &agent{Config: Config{LogDir: t.TempDir()}, pods: map[types.UID]*pod{}}
	p := newPod(a, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "name", UID: "1"}})
	a.pods["1"] = p

	dir := p.logDir("main")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}

	write := func(number int, text string) {
		f, err := os.OpenFile(logFile(dir, number), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}

		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}

		_ = f.Close()
	}
	write(0, "one\n")

	mux := http.NewServeMux()
	mux.HandleFunc("/{namespace}/{pod}/{container}", a.serveLog)

	server := httptest.NewServer(mux)
	defer server.Close()

	rsp, err := server.Client().Get(server.URL + "/ns/name/main?follow=true") //nolint:noctx // The server ends it.
	if err != nil {
		t.Fatal(err)
	}
	defer rsp.Body.Close()

	lines := bufio.NewReader(rsp.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "one\n" {
		t.Fatalf("the first line: %q, error %v", line, err)
	}

	write(0, "two\n")
	write(1, "other\n")

	if rest, err := io.ReadAll(lines); err != nil || string(rest) != "two\n" {
		t.Errorf("the rest: %q, error %v", rest, err)
	}
}
