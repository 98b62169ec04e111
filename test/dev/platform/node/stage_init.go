package node

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// runInit is the init stage: process 1 of the new namespaces. It sets them up,
// starts the node stage, and reaps orphaned processes. When it ends, the kernel
// kills all others.
func (c Config) runInit() error {
	// The root of a cgroup namespace is the group of the process that makes it. The
	// host stage may be in another group, so this one makes it, for this thread and
	// its children.
	runtime.LockOSThread()

	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("cannot make a cgroup namespace: %w", err)
	}

	if err := c.setUpMounts(); err != nil {
		return err
	}

	if err := setUpNetwork(); err != nil {
		return err
	}

	files := append([]*os.File{os.Stdin, os.Stdout, os.Stderr}, listenerFiles()...)
	args := append([]string{os.Args[0]}, nextStage(stageNode, c.RunDir)...)

	node, err := os.StartProcess("/proc/self/exe", args, &os.ProcAttr{Dir: "/", Env: os.Environ(), Files: files})
	if err != nil {
		return fmt.Errorf("cannot start the node stage: %w", err)
	}

	for {
		var status unix.WaitStatus

		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("cannot wait for processes: %w", err)
		case pid == node.Pid:
			return fmt.Errorf("the node stage ended: exit status %d, signal %d", status.ExitStatus(), status.Signal())
		}
	}
}
