package process

import (
	"net"
	"path/filepath"
	"strconv"
	"testing"
)

// TestFreeAddress checks that a program can listen on an address that was returned, and that
// no outgoing connection takes its port.
func TestFreeAddress(t *testing.T) {
	t.Parallel()

	for _, host := range []string{"127.0.0.1", ""} {
		address, err := FreeAddress(host)
		if err != nil {
			t.Fatal(err)
		}

		_, text, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}

		if port, err := strconv.Atoi(text); err != nil || port < firstPort || port > lastPort {
			t.Errorf("FreeAddress(%q): port %s, error %v", host, text, err)
		}

		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}

		if err := CheckFree(address); err == nil {
			t.Errorf("CheckFree(%q): no error while another program listens", address)
		}

		_ = l.Close()
	}
}

// TestClose checks that no process runs once its group is closed, and that none can be
// started.
func TestClose(t *testing.T) {
	t.Parallel()

	g := NewGroup()
	o := Options{Log: filepath.Join(t.TempDir(), "log")}

	p, err := g.Start("sleep", o, "sleep", "600")
	if err != nil {
		t.Fatal(err)
	}

	g.Close()
	g.Close()

	select {
	case <-p.Done():
	default:
		t.Error("want the process to have ended")
	}

	if _, err := g.Start("sleep", o, "sleep", "600"); err == nil {
		t.Error("want no process of a closed group")
	}
}
