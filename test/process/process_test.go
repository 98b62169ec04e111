package process

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// runEnv is set for the program of the tests when it is to run a command until it is killed.
const runEnv = "CISTERN_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runEnv) == "" {
		os.Exit(m.Run())
	}

	cmd := exec.Command("sh", "-c", "echo started; exec sleep 300") //nolint:noctx // It is killed.
	cmd.Stdout = os.Stdout

	if err := Run(cmd); err != nil {
		os.Exit(1)
	}
}

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

// TestRun kills a program that runs a command. It checks that the command ends, too.
func TestRun(t *testing.T) {
	t.Parallel()

	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends processes with the one that started them")
	}

	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), runEnv+"=true")

	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	out := bufio.NewReader(stdout)
	if line, err := out.ReadString('\n'); err != nil || line != "started\n" {
		t.Fatalf("the command wrote %q, error %v", line, err)
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	ended := make(chan struct{})

	go func() {
		defer close(ended)

		_, _ = io.Copy(io.Discard, out) // ends when no process has the pipe
	}()

	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the command still runs")
	}

	_ = cmd.Wait() // It was killed.
}
