package platform

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is a background process. Its number alone would be somebody else's
// one day; with the time of its start it is its own for as long as the machine
// runs.
type process struct {
	PID int
	// Started is in ticks since the machine's boot.
	Started uint64
}

// startDaemon starts this program again, in the background and in a session of
// its own, with Daemon's arguments.
func (o Options) startDaemon(logFile string, files []*os.File, args ...string) (process, error) {
	self, err := os.Executable()
	if err != nil {
		return process{}, fmt.Errorf("cannot find this program: %w", err)
	}

	log, err := os.Create(logFile)
	if err != nil {
		return process{}, fmt.Errorf("cannot write the daemon's log: %w", err)
	}
	defer log.Close()

	//nolint:noctx // it outlives this command
	cmd := exec.Command(self, append(append([]string{}, o.Daemon...), args...)...)
	cmd.Dir = "/" // it must not keep the caller's directory busy
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, files

	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}

	if err := cmd.Start(); err != nil {
		return process{}, fmt.Errorf("cannot start the daemon: %w", err)
	}
	go cmd.Wait() //nolint:errcheck // reaped while we live, by process 1 later

	_, started, err := stat(cmd.Process.Pid)
	if err != nil {
		_ = cmd.Process.Kill()

		return process{}, err
	}

	return process{PID: cmd.Process.Pid, Started: started}, nil
}

// alive is true until the process has ended, reaped or not.
func (p process) alive() bool {
	if p.PID == 0 {
		return false
	}

	status, started, err := stat(p.PID)

	return err == nil && started == p.Started && status != "Z" && status != "X"
}

// stop ends the process and waits until it has ended.
func (p process) stop(ctx context.Context) error {
	for i, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		if !p.alive() {
			return nil
		}

		if err := unix.Kill(p.PID, signal); err != nil && err != unix.ESRCH {
			return fmt.Errorf("cannot stop the daemon: %w", err)
		}

		wait, cancel := context.WithTimeout(ctx, time.Duration(20-10*i)*time.Second)
		for p.alive() && wait.Err() == nil {
			time.Sleep(20 * time.Millisecond)
		}

		cancel()
	}

	if p.alive() {
		return fmt.Errorf("cannot stop the daemon: process %d does not end", p.PID)
	}

	return nil
}

func stat(pid int) (status string, started uint64, err error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0, fmt.Errorf("cannot find process %d: %w", pid, err)
	}

	return parseStat(string(b))
}

// parseStat reads a process's status and start from the text of /proc/PID/stat.
func parseStat(text string) (status string, started uint64, err error) {
	// The second field is the program's name in parentheses, and may have any of both in it.
	f := strings.Fields(text[strings.LastIndex(text, ")")+1:])

	const afterName = 3 // number in proc(5) of the first field after it
	if len(f) <= 22-afterName {
		return "", 0, fmt.Errorf("cannot parse a process's status: %d fields", len(f))
	}

	started, err = strconv.ParseUint(f[22-afterName], 10, 64)
	if err != nil {
		return "", 0, fmt.Errorf("cannot parse a process's start: %w", err)
	}

	return f[0], started, nil
}
