package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// metricsRecord is the record with which the dashboard is tested. -update writes it.
const metricsRecord = "../test/monitoring/testdata/function-bucket.txt"

// freeAddress returns an address at which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()

	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	defer func() { _ = l.Close() }()

	return l.Addr().String()
}

// readMetrics returns what is served at an address, once something is.
func readMetrics(t *testing.T, address string) string {
	t.Helper()

	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}

		rsp, err := http.DefaultClient.Do(req)
		if err == nil {
			text, err := io.ReadAll(rsp.Body)
			_ = rsp.Body.Close()

			if err != nil {
				t.Fatal(err)
			}

			return string(text)
		}

		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestServeMetrics compares the metrics of calls, which the dashboard shows, with their record.
func TestServeMetrics(t *testing.T) {
	address := freeAddress(t)
	server := &serve{Network: "tcp", Address: freeAddress(t), MetricsAddress: address, Insecure: true, MaxRecvMessageSize: 64}

	// The SDK cannot stop a server; it ends with the test's process.
	go func() { _ = server.Run() }()

	served := readMetrics(t, address)

	if *update {
		if err := os.WriteFile(metricsRecord, []byte(served), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	recorded, err := os.ReadFile(metricsRecord)
	if err != nil {
		t.Fatal(err)
	}

	calls := regexp.MustCompile(`(?m)^grpc_\w+\{.*\}`)
	series := func(text string) []string {
		found := calls.FindAllString(text, -1)
		slices.Sort(found)

		return found
	}

	want := series(string(recorded))
	if len(want) == 0 {
		t.Fatal("the record has no metrics of calls")
	}

	if diff := cmp.Diff(want, series(served)); diff != "" {
		t.Errorf("-recorded, +served:\n%s", diff)
	}
}
