//go:build e2e

package platform

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cistern-dev/cistern/test/await"
)

// TestMain lets the program of the tests do what the developer tool does: run the daemon,
// and start an embedded platform in a directory.
func TestMain(m *testing.M) {
	var err error

	switch {
	case len(os.Args) == 4 && os.Args[1] == "daemon":
		err = Daemon(os.Args[2], os.Args[3])
	case len(os.Args) == 3 && os.Args[1] == "up":
		ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT)
		_, err = Up(ctx, Options{OutputDir: os.Args[2], Kind: Embedded, Progress: os.Stderr})

		stop()
	default:
		os.Exit(m.Run())
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// stage is an output directory, and a directory for temporary files, of one platform.
type stage struct{ output, tmp string }

func newStage(t *testing.T) stage {
	t.Helper()

	// The path of a socket may have 108 bytes, of which the name of a test would take half.
	tmp, err := os.MkdirTemp("", "left-")
	if err != nil {
		t.Fatal(err)
	}

	s := stage{filepath.Join(t.TempDir(), "an output"), tmp}
	t.Cleanup(func() {
		s.down(t)

		_ = os.RemoveAll(tmp)
	})

	return s
}

// up starts a platform by a process of its own, which gets a signal when it writes a line
// that contains a text.
func (s stage) up(t *testing.T, text string, signal unix.Signal) {
	t.Helper()

	cmd := exec.CommandContext(t.Context(), os.Args[0], "up", s.output)
	// A proxy of the user's must not be used for what is on this machine.
	cmd.Env = append(os.Environ(), "TMPDIR="+s.tmp, "HTTPS_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1")

	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	found, lines := false, []string{}

	for out := bufio.NewScanner(stderr); out.Scan(); lines = append(lines, out.Text()) {
		if text != "" && !found && strings.Contains(out.Text(), text) {
			found = true

			if err := cmd.Process.Signal(signal); err != nil {
				t.Error(err)
			}
		}
	}

	if err := cmd.Wait(); (err != nil) != found || found != (text != "") {
		t.Fatalf("the platform ended with %v, after\n%s", err, strings.Join(lines, "\n"))
	}
}

// down removes the platform. It checks that no program of the platform runs afterwards.
func (s stage) down(t *testing.T) {
	t.Helper()

	if err := Down(context.Background(), Options{OutputDir: s.output}); err != nil {
		t.Errorf("Down(): %v", err)
	}

	for _, name := range s.processes(t) {
		// Commands of a start that was killed may take a moment to end.
		if !strings.HasPrefix(name, "helm ") && !strings.HasPrefix(name, "kubectl ") {
			t.Errorf("want no process to be left, got %s", name)
		}
	}
}

// wantNothing checks that no process and no file of the platform is left, except logs.
func (s stage) wantNothing(t *testing.T) {
	t.Helper()

	// A process that was killed may take a moment to end.
	await.For(t, "all processes to end", func() error {
		if left := s.processes(t); len(left) > 0 {
			return fmt.Errorf("there are %v", left)
		}

		return nil
	})

	for _, dir := range []string{s.output, s.tmp} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}

		for _, e := range entries {
			if !slices.Contains([]string{"log", ".platform.lock"}, e.Name()) {
				t.Errorf("want nothing to be left, got %s", filepath.Join(dir, e.Name()))
			}
		}
	}
}

// processes returns the programs of the platform that run, by their process IDs: those that
// have its directory for temporary files.
func (s stage) processes(t *testing.T) map[int]string {
	t.Helper()

	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}

	all := map[int]string{}

	for _, file := range files {
		if env, err := os.ReadFile(file); err == nil && strings.Contains(string(env), "TMPDIR="+s.tmp) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			name, rest, _ := strings.Cut(string(command), "\x00")
			argument, _, _ := strings.Cut(rest, "\x00")
			all[pid] = filepath.Base(name) + " " + argument
		}
	}

	return all
}

// TestNothingIsLeft interrupts and kills the start of a platform at several moments. It
// checks that nothing is left: after an interrupt at once, after a kill once Down was called.
func TestNothingIsLeft(t *testing.T) {
	for _, moment := range []string{"Tools", "Platform", "API server answers", "MinIO ready"} {
		t.Run("Interrupt/"+moment, func(t *testing.T) {
			s := newStage(t)
			s.up(t, moment, unix.SIGINT)
			s.wantNothing(t)
		})

		t.Run("Kill/"+moment, func(t *testing.T) {
			s := newStage(t)
			s.up(t, moment, unix.SIGKILL)
			s.down(t)
			s.wantNothing(t)
		})
	}
}

// TestUnknownDaemon removes a platform whose daemon was started, but not stored any more,
// because the start was killed in between.
func TestUnknownDaemon(t *testing.T) {
	s := newStage(t)
	s.up(t, "API server answers", unix.SIGKILL)

	platform, err := readState(s.output)
	if err != nil {
		t.Fatal(err)
	}

	platform.Daemon, platform.Platform.DaemonPID = daemon{}, 0
	if err := platform.save(s.output); err != nil {
		t.Fatal(err)
	}

	s.down(t)
	s.wantNothing(t)
}

// TestKilledProcesses kills each process of a platform. It checks that each is started again,
// except the daemon, with which all others end, and that Down leaves nothing.
func TestKilledProcesses(t *testing.T) {
	s := newStage(t)
	s.up(t, "", 0)

	p, err := Open(t.Context(), Options{OutputDir: s.output})
	if err != nil {
		t.Fatal(err)
	}

	for pid, name := range s.processes(t) {
		if pid == p.DaemonPID {
			continue
		}

		t.Logf("killed: %s", name)

		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}

		await.For(t, name+" to run again", func() error {
			for other, again := range s.processes(t) {
				if again == name && other != pid {
					return nil
				}
			}

			return errors.New("it does not run")
		})
		await.For(t, "the platform to be whole again", func() error { return s.check(t, p) })
	}

	if err := unix.Kill(p.DaemonPID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}

	await.For(t, "all processes to end", func() error {
		if left := s.processes(t); len(left) > 0 {
			return fmt.Errorf("there are %v", left)
		}

		return nil
	})
	s.down(t)
	s.wantNothing(t)
}

// check returns an error unless the pods of the platform are ready, their logs can be read,
// and MinIO answers.
func (s stage) check(t *testing.T, p *Platform) error {
	t.Helper()

	_, err := p.Kubectl(t.Context(), "", "wait", "pods", "--all", "--all-namespaces", "--for=condition=Ready", "--timeout=1s")
	_, errLogs := p.Kubectl(t.Context(), "", "logs", "--namespace=crossplane-system", "--tail=1", "deployment/crossplane")

	return errors.Join(err, errLogs, p.pingMinIO(t.Context()))
}
