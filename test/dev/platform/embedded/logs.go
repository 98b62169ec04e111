package embedded

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// serveLogs serves the logs of containers to the API server, as a kubelet does, and returns
// the port. Of the options of `kubectl logs` it knows --follow, --previous and --tail.
func (a *agent) serveLogs(ctx context.Context) (int32, error) {
	pair, err := tls.LoadX509KeyPair(a.pki("apiserver.crt"), a.pki("apiserver.key"))
	if err != nil {
		return 0, fmt.Errorf("cannot read the certificate of the logs: %w", err)
	}

	ca, err := os.ReadFile(a.pki("ca.crt"))
	if err != nil {
		return 0, fmt.Errorf("cannot read the cluster's CA: %w", err)
	}

	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)

	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("cannot listen for the logs: %w", err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", a.serveLog)

	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(tls.NewListener(l, &tls.Config{ //nolint:errcheck // It ends with this process.
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
		ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}))

	_, port, _ := net.SplitHostPort(l.Addr().String())
	number, err := strconv.ParseInt(port, 10, 32)

	return int32(number), err
}

// serveLog answers with the log of the program that a container runs now, or ran before.
func (a *agent) serveLog(w http.ResponseWriter, r *http.Request) {
	p := a.find(r.PathValue("namespace"), r.PathValue("pod"))
	if p == nil {
		http.Error(w, "there is no such pod", http.StatusNotFound)

		return
	}

	dir := p.logDir(r.PathValue("container"))
	number := lastLog(dir)

	if r.FormValue("previous") == "true" {
		number--
	}

	f, err := os.Open(logFile(dir, number))
	if err != nil {
		http.Error(w, "the container has no such log", http.StatusNotFound)

		return
	}
	defer f.Close()

	if lines, err := strconv.Atoi(r.FormValue("tailLines")); err == nil {
		if err := skip(f, lines); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)

			return
		}
	}

	for {
		// Asked before the rest is read, which is complete then.
		ended := r.FormValue("follow") != "true" || a.find(p.object.Namespace, p.object.Name) != p || lastLog(dir) != number

		if _, err := io.Copy(w, f); err != nil || ended {
			return
		}

		_ = http.NewResponseController(w).Flush() // an error shows at the next write

		select {
		case <-r.Context().Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// find returns the pod with a name, or nil.
func (a *agent) find(namespace, name string) *pod {
	a.mu.Lock()
	defer a.mu.Unlock()

	for _, p := range a.pods {
		if p.object.Namespace == namespace && p.object.Name == name {
			return p
		}
	}

	return nil
}

// logDir returns the directory of a container's logs. It has a file for each start of the
// container's program.
func (p *pod) logDir(container string) string {
	return filepath.Join(p.LogDir, "pods", fmt.Sprintf("%s_%s_%s", p.object.Namespace, p.object.Name, p.object.UID), container)
}

func logFile(dir string, number int) string { return filepath.Join(dir, strconv.Itoa(number)+".log") }

// lastLog returns the number of the last log in a directory; -1 if there is none.
func lastLog(dir string) int {
	number := -1
	for exists(logFile(dir, number+1)) {
		number++
	}

	return number
}

// skip goes to the last lines of a file.
func skip(f *os.File, lines int) error {
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}

	start, rest := len(text), bytes.TrimSuffix(text, []byte("\n"))

	for range lines {
		end := bytes.LastIndexByte(rest, '\n')
		start = end + 1

		if end < 0 {
			break
		}

		rest = rest[:end]
	}

	_, err = f.Seek(int64(start), io.SeekStart)

	return err
}
