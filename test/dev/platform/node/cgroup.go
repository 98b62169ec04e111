package node

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupRoot is where cgroups are mounted in the node's mount namespace.
const cgroupRoot = "/sys/fs/cgroup"

// Cgroups are the control groups of a node, by their paths on the machine.
type Cgroups struct {
	// Name is the last element of their paths.
	Name string
	// Unified is set for version 2, which has one hierarchy.
	Unified bool
	// Dirs has one group for each hierarchy of version 1, or the one group of
	// version 2. They and the groups below them are removed at the end.
	Dirs []string
	// Hierarchies are the hierarchies of version 1, such as "memory" or "cpu,cpuacct".
	Hierarchies []string
}

// FindCgroups returns the groups of a node, which need not exist. Their name
// follows from its run directory, so that those of a dead node are found again.
//
// With version 1 they are below the groups of this process. With version 2 a group
// that has processes cannot pass controllers on, so the node's is at the top.
func FindCgroups(runDir string) (Cgroups, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Cgroups{}, fmt.Errorf("cannot read the mounts: %w", err)
	}

	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Cgroups{}, fmt.Errorf("cannot read this process's cgroups: %w", err)
	}

	sum := sha256.Sum256([]byte(runDir))

	return parseCgroups("cistern-"+hex.EncodeToString(sum[:])[:8], string(mounts), string(own))
}

// parseCgroups does the work of FindCgroups with the text of /proc/self/mountinfo
// and /proc/self/cgroup.
func parseCgroups(name, mounts, own string) (Cgroups, error) {
	c := Cgroups{Name: name}
	v1, v2 := parseMounts(mounts)

	for line := range strings.Lines(own) {
		// 4:memory:/user.slice
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || f[1] == "" {
			continue
		}

		m, ok := v1[f[1]]
		if !ok {
			continue
		}
		// In a container the mount may show only a part of the hierarchy.
		below := strings.TrimPrefix(f[2], strings.TrimSuffix(m.root, "/"))
		c.Hierarchies = append(c.Hierarchies, f[1])
		c.Dirs = append(c.Dirs, path.Join(m.point, below, name))
	}

	switch {
	case len(c.Hierarchies) > 0:
		return c, c.checkControllers()
	case v2 != "":
		c.Unified = true
		c.Dirs = []string{path.Join(v2, name)}
	default:
		return Cgroups{}, errors.New("no cgroups are mounted")
	}

	return c, nil
}

// checkControllers returns an error if a controller that the kubelet needs is
// missing from the hierarchies of version 1.
func (c Cgroups) checkControllers() error {
	for _, want := range []string{"cpu", "memory", "pids"} {
		has := func(h string) bool { return slices.Contains(strings.Split(h, ","), want) }
		if !slices.ContainsFunc(c.Hierarchies, has) {
			return fmt.Errorf("the cgroup controller %q is not mounted", want)
		}
	}

	return nil
}

type cgroupMount struct{ root, point string }

// parseMounts returns the mounts of the hierarchies of version 1, by their
// controllers as in /proc/self/cgroup, and the mount point of version 2.
func parseMounts(mountinfo string) (v1 map[string]cgroupMount, v2 string) {
	v1 = map[string]cgroupMount{}

	s := bufio.NewScanner(strings.NewReader(mountinfo))
	for s.Scan() {
		// 36 35 0:31 /root /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
		before, after, ok := strings.Cut(s.Text(), " - ")

		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(g) < 3 {
			continue
		}

		switch g[0] {
		case "cgroup":
			v1[controllers(g[2])] = cgroupMount{root: f[3], point: f[4]}
		case "cgroup2":
			v2 = f[4]
		}
	}

	return v1, v2
}

// controllers returns the options of a mount that are controllers.
func controllers(options string) string {
	var keep []string

	for o := range strings.SplitSeq(options, ",") {
		switch {
		case slices.Contains([]string{"rw", "ro", "none", "xattr", "clone_children", "noprefix"}, o):
		case strings.HasPrefix(o, "release_agent="):
		default:
			keep = append(keep, o)
		}
	}

	return strings.Join(keep, ",")
}

// Remove removes the groups. Their processes must have been killed.
func (c Cgroups) Remove() error {
	var err error
	for range 100 { // killed processes stay in their groups for a moment
		err = nil
		for _, dir := range c.Dirs {
			err = errors.Join(err, removeGroups(dir))
		}

		if err == nil {
			return nil
		}

		time.Sleep(50 * time.Millisecond)
	}

	return fmt.Errorf("cannot remove the node's cgroups: %w", err)
}

// removeGroups removes a group and those below it. It cannot use os.RemoveAll,
// because the files of a group cannot be removed.
func removeGroups(dir string) error {
	var dirs []string

	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}

		if err == nil && d.IsDir() {
			dirs = append(dirs, p)
		}

		return err
	})
	for _, d := range slices.Backward(dirs) {
		if e := unix.Rmdir(d); e != nil && e != unix.ENOENT {
			err = errors.Join(err, fmt.Errorf("rmdir %s: %w", d, e))
		}
	}

	return err
}

// kubeletRoot returns the group in which the kubelet makes the pods' groups, by its
// path in the node's namespaces.
func (c Cgroups) kubeletRoot() string {
	if c.Unified {
		return "/" // the namespace begins at the node's group
	}

	return "/" + c.Name
}
