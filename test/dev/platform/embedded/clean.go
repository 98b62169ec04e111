package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How long Clean waits until the processes of a platform end: by themselves, and after it
// has killed them.
const (
	patience = 10 * time.Second
	killed   = 10 * time.Second
)

func (c *Config) lock() string { return filepath.Join(c.RunDir, "lock") }

// hold locks a file until this process and all that it starts have ended: they inherit its
// descriptor, and with it the lock. The file holds the ID of this process.
func (c *Config) hold() error {
	fd, err := unix.Open(c.lock(), unix.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot open the daemon's lock: %w", err)
	}

	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("cannot take the daemon's lock: %w", err)
	}

	if _, err := unix.Write(fd, []byte(strconv.Itoa(os.Getpid()))); err != nil {
		return fmt.Errorf("cannot write the daemon's lock: %w", err)
	}

	return nil
}

// Clean ends all processes of the platform, in whatever state, and removes its directories.
func (c *Config) Clean() error {
	// Without this file a daemon ends, also one that has just been started and is not known.
	if err := os.Remove(filepath.Join(c.RunDir, configFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot end the daemon: %w", err)
	}

	if err := c.waitForEnd(); err != nil {
		return err
	}

	return c.remove()
}

// waitForEnd returns once no process of the platform runs. It kills those that do not end.
func (c *Config) waitForEnd() error {
	f, err := os.OpenFile(c.lock(), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}

	if err != nil {
		return fmt.Errorf("cannot open the daemon's lock: %w", err)
	}
	defer f.Close()

	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}

		b, _ := os.ReadFile(c.lock())
		group, _ := strconv.Atoi(strings.TrimSpace(string(b)))

		switch waited := time.Since(start); {
		case waited > patience+killed:
			return fmt.Errorf("processes of the platform do not end, see `ps -g %d`: %w", group, err)
		case waited > patience && group > 1:
			// The daemon leads a session. As long as one of its processes runs, which the
			// lock shows, its ID is no other's.
			_ = unix.Kill(-group, unix.SIGKILL)
		}
	}
}

// remove removes what processes that have ended leave.
func (c *Config) remove() error {
	if err := errors.Join(os.RemoveAll(c.SocketDir), os.RemoveAll(c.RunDir)); err != nil {
		return fmt.Errorf("cannot remove the run directory: %w", err)
	}

	return nil
}
