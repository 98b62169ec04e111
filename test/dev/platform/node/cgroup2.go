package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// openV2 makes the node's group of version 2 with every controller, and opens it,
// so that the init stage can be started in it.
func (c Cgroups) openV2() (*os.File, error) {
	group := c.Dirs[0]
	if err := enableControllers(filepath.Dir(group)); err != nil {
		return nil, err
	}

	if err := os.MkdirAll(group, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make a cgroup: %w", err)
	}

	f, err := os.Open(group)
	if err != nil {
		return nil, fmt.Errorf("cannot open a cgroup: %w", err)
	}

	return f, nil
}

// mountV2 mounts the node's group in its mount namespace, and enables controllers
// for the kubelet's groups below it. A group with processes cannot do so:
// therefore this process, and the processes that it starts, move to a leaf.
func mountV2() error {
	if err := mount("cgroup2", cgroupRoot, "cgroup2", 0, ""); err != nil {
		return err
	}

	return enableControllers(cgroupRoot)
}

// enableControllers enables every controller of a group for the groups below it.
// If processes in the group prevent that, they are moved to a leaf below it first.
// The root of a container's hierarchy has such processes; that of the machine may
// keep its processes.
func enableControllers(group string) error {
	b, err := os.ReadFile(filepath.Join(group, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("cannot read the cgroup controllers: %w", err)
	}

	var enable strings.Builder
	for c := range strings.FieldsSeq(string(b)) {
		enable.WriteString("+" + c + " ")
	}

	control := filepath.Join(group, "cgroup.subtree_control")
	if err := os.WriteFile(control, []byte(enable.String()), 0o644); err == nil {
		return nil
	} else if !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("cannot enable the cgroup controllers %s: %w", b, err)
	}

	if err := moveToLeaf(group); err != nil {
		return err
	}

	if err := os.WriteFile(control, []byte(enable.String()), 0o644); err != nil {
		return fmt.Errorf("cannot enable the cgroup controllers %s: %w", b, err)
	}

	return nil
}

func moveToLeaf(group string) error {
	leaf := filepath.Join(group, "cistern-leaf")
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		return fmt.Errorf("cannot make a cgroup: %w", err)
	}

	b, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	if err != nil {
		return fmt.Errorf("cannot read a cgroup's processes: %w", err)
	}

	for pid := range strings.FieldsSeq(string(b)) {
		// The kernel takes one at a time. A process that has ended causes an error
		// that does not matter.
		_ = os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte(pid), 0o644)
	}

	return nil
}
