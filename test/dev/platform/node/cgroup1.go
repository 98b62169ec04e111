package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mountV1 mounts the hierarchies of version 1 in the node's mount namespace, and
// makes the node's group in each.
func (c Cgroups) mountV1() error {
	if err := mount("tmpfs", cgroupRoot, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}

	for _, h := range c.Hierarchies {
		if err := c.mountHierarchy(h); err != nil {
			return err
		}
	}

	return nil
}

func (c Cgroups) mountHierarchy(h string) error {
	options, dir := h, filepath.Join(cgroupRoot, h)
	if name, named := strings.CutPrefix(h, "name="); named {
		options, dir = "none,"+h, filepath.Join(cgroupRoot, name)
	}

	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make a mount point: %w", err)
	}

	if err := mount("cgroup", dir, "cgroup", 0, options); err != nil {
		return err
	}

	group := filepath.Join(dir, c.Name)
	if err := os.Mkdir(group, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cannot make a cgroup: %w", err)
	}

	names := strings.Split(h, ",")
	if len(names) > 1 { // programs find cpu,cpuacct as cpu and as cpuacct too
		for _, n := range names {
			if err := os.Symlink(h, filepath.Join(cgroupRoot, n)); err != nil {
				return fmt.Errorf("cannot link a cgroup hierarchy: %w", err)
			}
		}
	}

	if slices.Contains(names, "cpuset") {
		return copyCpuset(dir, group)
	}

	return nil
}

// copyCpuset copies the processors of a group to a new group below it. They are
// not inherited, and no process can enter a group without processors.
func copyCpuset(parent, group string) error {
	for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
		b, err := os.ReadFile(filepath.Join(parent, f))
		if err != nil {
			return fmt.Errorf("cannot read a cpuset: %w", err)
		}

		if err := os.WriteFile(filepath.Join(group, f), b, 0o644); err != nil {
			return fmt.Errorf("cannot write a cpuset: %w", err)
		}
	}

	return nil
}
