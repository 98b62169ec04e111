package node

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// init is process 1 of the new namespaces. It sets them up, starts the node
// stage, and reaps what has lost its parent. Its end is everybody's.
func (c Config) init() error {
	// A namespace of cgroups begins in the group of whoever makes it, here: so not
	// the outer stage, which may be in another. It is this thread's, and its children's.
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
