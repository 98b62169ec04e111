package node

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// runHost is the host stage. It starts the init stage in new namespaces, and waits
// until that ends. It kills the init stage when it gets a signal or its run
// directory is removed; the kernel does so when the host stage dies.
func (c Config) runHost() error {
	// The kernel sends Pdeathsig when the thread that started the process ends.
	runtime.LockOSThread()

	defer runtime.UnlockOSThread()

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP)

	//nolint:noctx // Signals end it.
	cmd := exec.Command("/proc/self/exe", nextStage(stageInit, c.RunDir)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = listenerFiles()
	cmd.SysProcAttr = &unix.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID,
		Pdeathsig:  unix.SIGKILL,
	}

	if c.Cgroups.Unified {
		group, err := c.Cgroups.openV2()
		if err != nil {
			return err
		}
		defer group.Close()

		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(group.Fd())
	}

	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot enter new namespaces: %w", err)
	}

	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	failure := c.watch(signals, ended)
	if failure == nil {
		// With process 1 the kernel kills all others. Nothing inside has to be saved.
		_ = cmd.Process.Kill()

		<-ended //nolint:errcheck // The error is that it was killed.
	}

	if err := c.Clean(); err != nil {
		return err
	}

	return failure
}

// watch returns nil when the node has to be stopped, and an error when it ended by
// itself.
func (c Config) watch(signals <-chan os.Signal, ended <-chan error) error {
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("the node ended: %w", err)
		case s := <-signals:
			fmt.Fprintln(os.Stderr, "stopping:", s)

			return nil
		case <-time.After(2 * time.Second):
			if _, err := os.Stat(filepath.Join(c.RunDir, configFile)); os.IsNotExist(err) {
				fmt.Fprintln(os.Stderr, "stopping: the run directory was removed")

				return nil
			}
		}
	}
}

// Clean removes the cgroups and the run directory of a node that has ended.
func (c Config) Clean() error {
	if err := c.Cgroups.Remove(); err != nil {
		return err
	}

	if err := os.RemoveAll(c.RunDir); err != nil {
		return fmt.Errorf("cannot remove the run directory: %w", err)
	}

	return nil
}
