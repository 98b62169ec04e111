package platform

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// daemon identifies a background process. PIDs are reused; with the time of its
// start, a PID is unique until the machine restarts.
type daemon struct {
	PID int
	// Started is the time of its start, in a unit of the operating system.
	Started uint64
}

// startDaemon starts this program in the background, in a session of its own, so
// that it calls Daemon with args.
func (o Options) startDaemon(logFile string, files []*os.File, args ...string) (daemon, error) {
	self, err := os.Executable()
	if err != nil {
		return daemon{}, fmt.Errorf("cannot find this program: %w", err)
	}

	log, err := os.Create(logFile)
	if err != nil {
		return daemon{}, fmt.Errorf("cannot write the daemon's log: %w", err)
	}
	defer log.Close()

	//nolint:noctx // It outlives this command.
	cmd := exec.Command(self, append(append([]string{}, o.Daemon...), args...)...)
	cmd.Dir = "/" // the caller's directory can be removed or unmounted
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, files

	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}

	if err := cmd.Start(); err != nil {
		return daemon{}, fmt.Errorf("cannot start the daemon: %w", err)
	}
	go cmd.Wait() //nolint:errcheck // Reaps it if it ends before this process does.

	_, started, err := stat(cmd.Process.Pid)
	if err != nil {
		_ = cmd.Process.Kill()

		return daemon{}, err
	}

	return daemon{PID: cmd.Process.Pid, Started: started}, nil
}

// alive reports whether the process has not ended. A zombie has ended.
func (p daemon) alive() bool {
	if p.PID == 0 {
		return false
	}

	status, started, err := stat(p.PID)

	return err == nil && started == p.Started && status != "Z" && status != "X"
}

// stop terminates the process, kills it if need be, and waits for its end.
func (p daemon) stop(ctx context.Context) error {
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
